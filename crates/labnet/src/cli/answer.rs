//! The answer of a PMU on its way from recv calls to stdout: messages line by line, a flood as it is.

use std::borrow::Cow;

use super::{Console, Stats, TransferStats};
use crate::{
    Error,
    escape::escape,
    net::Counted,
    pmu::{Command, Message, Messages},
    tls::NegotiatedTls,
};

/// The answer to one command, shown as it arrives.
#[derive(Debug)]
pub struct Answer {
    console: Console,
    stats: Stats<TransferStats>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Short(Messages),
    Flood { last: Option<u8> },
}

impl Answer {
    /// Nothing has arrived yet. The clock of the statistics starts here.
    pub fn to(command: &Command, console: &Console, wants_stats: bool) -> Self {
        Self::new(command, console, console.statistics.begin(wants_stats, TransferStats::of(command)))
    }

    /// The same, over TLS.
    pub fn over_tls(command: &Command, console: &Console, wants_stats: bool) -> Self {
        Self::new(command, console, console.statistics.begin(wants_stats, TransferStats::over_tls(command)))
    }

    fn new(command: &Command, console: &Console, stats: Stats<TransferStats>) -> Self {
        let shape = if command.is_flood() { Shape::Flood { last: None } } else { Shape::Short(Messages::new()) };
        Self { console: console.clone(), stats, shape }
    }

    /// What a TLS handshake agreed on, for the statistics.
    pub fn negotiated(&self, negotiated: &NegotiatedTls) {
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
        self.console.out.write(&text)?;
        failed.map_or(Ok(()), Err)
    }

    /// The PMU has closed the connection: shows what only the end completes.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when that is within a message; those of [`Output::write`](super::Output::write).
    pub fn end(mut self, pmu: &impl Counted) -> Result<(), Error> {
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
            self.console.err.warn(format!("{} closed the connection without an answer", pmu.peer()));
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
fn lines<'a>(
    messages: impl IntoIterator<Item = Result<Message, Error>>,
    console: &Console,
) -> (Cow<'a, [u8]>, Option<Error>) {
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
