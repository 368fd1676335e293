//! A whole capture in memory.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

use labnet::file::{Permissions, Staged};

use super::{
    CaptureInterface, CaptureReader, CaptureWriter, CapturedFrame, FileItem, InterfaceStatistics, KeyLog, LinkType,
};
use crate::Error;

/// A frame that owns its bytes; see [`CapturedFrame`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameBuf {
    /// When, since the Unix epoch.
    pub at: Duration,
    /// Where: an index into [`Recording::interfaces`].
    pub interface: usize,
    /// The captured bytes.
    pub bytes: Vec<u8>,
    /// How many bytes it had on the wire.
    pub original_len: u32,
    /// What somebody noted about it.
    pub comments: Vec<String>,
}

/// A capture in memory: what was captured, and what is needed to understand it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Where frames were captured.
    pub interfaces: Vec<CaptureInterface>,
    /// The frames, in the order of the file.
    pub frames: Vec<FrameBuf>,
    /// The secrets of TLS connections among them.
    pub secrets: KeyLog,
    /// How many frames the interfaces received, if that is known.
    pub received: Option<u64>,
    /// How many frames were lost because the capture was too slow, if that is known.
    pub dropped: Option<u64>,
    /// What somebody noted about all of it.
    pub comment: Option<String>,
}

impl Recording {
    /// The frames as [`flow::Analysis::add`](crate::flow::Analysis::add) takes them.
    pub fn frames(&self) -> impl Iterator<Item = CapturedFrame<'_>> {
        self.frames.iter().map(|frame| CapturedFrame {
            at: frame.at,
            link: self.interfaces.get(frame.interface).map_or(LinkType::RAW, |interface| interface.link),
            interface: frame.interface,
            bytes: &frame.bytes,
            original_len: frame.original_len,
            comments: frame.comments.iter().map(|comment| Cow::Borrowed(comment.as_str())).collect(),
        })
    }

    /// Writes it as a file that its owner alone can read, since secrets may be in it. The file appears whole or not at
    /// all; one of that name is replaced.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Unwritable`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |attempt| move |source| Error::File { attempt, path: path.to_owned(), source };
        if path.exists() && !path.is_file() {
            // A device or a pipe is written to, never replaced.
            let file = File::options().write(true).open(path).map_err(failed("write"))?;
            return self.write_to(file).map(drop).map_err(at(path));
        }
        let staged = Staged::new(path, Permissions::Owner).map_err(failed("write"))?;
        self.write_to(staged).map_err(at(path))?.replace().map_err(failed("write"))
    }

    /// Writes it to anything, and gives that back.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Unwritable`].
    pub fn write_to<W: Write>(&self, to: W) -> Result<W, Error> {
        let mut writer = CaptureWriter::new(to, self.comment.as_deref())?;
        for interface in &self.interfaces {
            writer.interface(interface)?;
        }
        writer.secrets(&self.secrets)?;
        for frame in self.frames() {
            writer.frame(&frame)?;
        }
        if self.received.is_some() || self.dropped.is_some() {
            let at = self.frames.last().map_or(Duration::ZERO, |frame| frame.at);
            let (received, dropped) = (self.received, self.dropped);
            writer.statistics(&InterfaceStatistics { interface: 0, at, received, dropped })?;
        }
        writer.finish()
    }

    /// Reads a file: all that comes before damage, and the damage.
    pub fn read(path: &Path) -> (Self, Option<Error>) {
        match File::open(path) {
            Ok(file) => Self::read_from(file),
            Err(source) => (Self::default(), Some(Error::File { attempt: "open", path: path.to_owned(), source })),
        }
    }

    /// Reads from anything: all that comes before damage, and the damage.
    pub fn read_from(from: impl Read) -> (Self, Option<Error>) {
        let (mut recording, mut reader) = (Self::default(), CaptureReader::new(from));
        let mut statistics: BTreeMap<usize, InterfaceStatistics> = BTreeMap::new();
        let damage = loop {
            match reader.next() {
                Ok(None) => break None,
                Err(error) => break Some(error),
                Ok(Some(FileItem::Interface(_))) => {}
                Ok(Some(FileItem::Frame(frame))) => recording.frames.push(FrameBuf {
                    at: frame.at,
                    interface: frame.interface,
                    bytes: frame.bytes.to_vec(),
                    original_len: frame.original_len,
                    comments: frame.comments.into_iter().map(Cow::into_owned).collect(),
                }),
                Ok(Some(FileItem::Secrets(log))) => recording.secrets.push(log.as_str()),
                Ok(Some(FileItem::Statistics(new))) => {
                    statistics.insert(new.interface, new);
                }
            }
        };
        recording.received = sum(statistics.values().map(|statistics| statistics.received));
        recording.dropped = sum(statistics.values().map(|statistics| statistics.dropped));
        recording.comment = reader.comment().map(str::to_owned);
        recording.interfaces = reader.interfaces().to_vec();
        (recording, damage)
    }
}

/// The sum of what is known, if anything is.
pub(crate) fn sum(counts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    counts.flatten().reduce(u64::saturating_add)
}

/// Says which file could not be written.
fn at(path: &Path) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Write(source) => Error::File { attempt: "write", path: path.to_owned(), source },
        Error::Unwritable { why } => {
            Error::File { attempt: "write", path: path.to_owned(), source: io::Error::other(why) }
        }
        other => other,
    }
}
