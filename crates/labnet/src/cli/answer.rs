//! The answer of a PMU on its way from recv calls to stdout: messages line by line, a flood as it is.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use super::{Console, Stats, TransferStats};
use crate::{
    Error,
    escape::escape,
    net::Counted,
    pmu::{Command, Message, Messages},
    tls::NegotiatedTls,
    zone::Zoned,
};

/// The answer to one command, shown as it arrives.
#[derive(Debug)]
pub struct Answer {
    console: Console,
    stats: Stats<TransferStats>,
    shape: Shape,
    command: String,
    /// How far apart its messages are.
    interval: Duration,
    /// Whether anything has come.
    has_begun: bool,
}

#[derive(Debug)]
enum Shape {
    Short(Messages),
    Flood { last: Option<u8> },
}

impl Answer {
    /// Nothing has arrived yet. The clock of the statistics starts here.
    pub fn to(command: &Command, console: &Console, wants_stats: bool) -> Self {
        let stats = console.statistics.begin(wants_stats, TransferStats::of(command));
        Self::new(command, console, stats, "not connected yet")
    }

    /// The same, over TLS.
    pub fn over_tls(command: &Command, console: &Console, wants_stats: bool) -> Self {
        let stats = console.statistics.begin(wants_stats, TransferStats::over_tls(command));
        Self::new(command, console, stats, "not connected yet, or the TLS handshake is not complete")
    }

    fn new(command: &Command, console: &Console, stats: Stats<TransferStats>, waits_for: &str) -> Self {
        console.waiting.begin(waits_for);
        let shape = if command.is_flood() { Shape::Flood { last: None } } else { Shape::Short(Messages::new()) };
        let interval = command.interval().unwrap_or_default();
        Self { console: console.clone(), stats, shape, command: command.to_string(), interval, has_begun: false }
    }

    /// The connection is made, and the command is sent.
    pub fn asked(&self, pmu: SocketAddr) {
        let command = &self.command;
        self.console
            .waiting
            .begin(format_args!("connected to {}, {command} is sent, no message has come yet", Zoned(pmu)));
    }

    /// What a TLS handshake agreed on, for the statistics; the command is sent next.
    pub fn negotiated(&self, negotiated: &NegotiatedTls) {
        let command = &self.command;
        self.console
            .waiting
            .begin(format_args!("connected ({negotiated}), {command} is sent, no message has come yet"));
        self.stats.update(|stats| stats.negotiated(negotiated));
    }

    /// Shows what one recv brought: every message that is complete now, or the next part of a flood.
    ///
    /// # Errors
    /// [`Error::Garbage`] at the first byte that belongs to no message, after the messages before it; those of
    /// [`Output::write`](super::Output::write).
    pub fn show(&mut self, bytes: &[u8], pmu: &impl Counted) -> Result<(), Error> {
        let (text, failed) = match &mut self.shape {
            Shape::Short(messages) => lines(messages.feed(bytes), &self.console),
            Shape::Flood { last } => {
                *last = bytes.last().copied().or(*last);
                (Cow::Borrowed(bytes), None)
            }
        };
        // Counted first: who sees a line sees it counted.
        self.count(pmu);
        self.console.waiting.hold();
        self.console.out.write(&text)?;
        self.go_on();
        failed.map_or(Ok(()), Err)
    }

    fn go_on(&mut self) {
        if std::mem::replace(&mut self.has_begun, true) {
            self.console.waiting.go_on();
        } else {
            let what = "messages have come, but neither a further one nor the end of the connection";
            self.console.waiting.begin_for(self.interval, what);
        }
    }

    /// The PMU has closed the connection: shows what only the end completes.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when that is within a message; those of [`Output::write`](super::Output::write).
    pub fn end(mut self, pmu: &impl Counted) -> Result<(), Error> {
        self.console.waiting.end();
        let (text, failed) = match &mut self.shape {
            Shape::Short(messages) => lines(messages.finish().transpose(), &self.console),
            Shape::Flood { last } => {
                let end: &[u8] = if last.is_none_or(|last| last == b'\n') { b"" } else { b"\n" };
                (Cow::Borrowed(end), None)
            }
        };
        self.count(pmu);
        self.console.out.write(&text)?;
        if failed.is_none() && self.messages() == 0 {
            self.console.err.warn(format!("{} closed the connection without an answer", Zoned(pmu.peer())));
        }
        failed.map_or(Ok(()), Err)
    }

    /// The connection broke: says what of the answer cannot be shown as a message.
    pub fn cut_short(&self) {
        match &self.shape {
            Shape::Short(messages) if messages.unfinished().is_empty() => {}
            Shape::Short(messages) => {
                let rest = escape(messages.unfinished());
                self.console.err.warn(format_args!("the answer is cut within a message: '{rest}'"));
            }
            Shape::Flood { .. } => {
                // The error that cut it short is about to be reported.
                let _ = self.end_line();
            }
        }
    }

    /// A flood that does not end its last line gets a newline, so that what follows starts on its own.
    fn end_line(&self) -> Result<(), Error> {
        match self.shape {
            Shape::Flood { last: Some(last) } if last != b'\n' => self.console.out.write(b"\n"),
            _ => Ok(()),
        }
    }

    fn messages(&self) -> u64 {
        match &self.shape {
            Shape::Short(messages) => messages.count(),
            Shape::Flood { last } => u64::from(last.is_some()),
        }
    }

    fn count(&self, pmu: &impl Counted) {
        let messages = self.messages();
        self.stats.update(|stats| stats.received(pmu, messages));
    }
}

/// The text of messages, a line each, up to the first error.
fn lines<'a, 'b>(
    messages: impl IntoIterator<Item = Result<Message<'a>, Error>>,
    console: &Console,
) -> (Cow<'b, [u8]>, Option<Error>) {
    let mut text = Vec::new();
    for message in messages {
        match message {
            Ok(message) => {
                text.extend_from_slice(message.as_ref());
                text.push(b'\n');
                if !message.is_expected() {
                    let number = message.number();
                    console.err.warn(format!("message {number} is out of order: one before it may be missing"));
                }
            }
            Err(error) => return (text.into(), Some(error)),
        }
    }
    (text.into(), None)
}
