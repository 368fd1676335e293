//! A capture in memory.

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
    /// Its time since the Unix epoch, if known.
    pub at: Option<Duration>,
    /// Its interface: an index into [`Recording::interfaces`].
    pub interface: usize,
    /// The captured bytes.
    pub bytes: Vec<u8>,
    /// Its length on the wire, in bytes.
    pub original_len: u32,
    /// The comments on it.
    pub comments: Vec<String>,
}

/// A capture in memory, without blocks of other kinds, so that its frames are numbered without them: frames, their interfaces, secrets and counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The interfaces on which frames were captured.
    pub interfaces: Vec<CaptureInterface>,
    /// The frames, in the order of the file.
    pub frames: Vec<FrameBuf>,
    /// The secrets of their TLS connections.
    pub secrets: KeyLog,
    /// The number of frames that the interfaces received, if known.
    pub received: Option<u64>,
    /// The number of frames that the capture missed because it was too slow, if known.
    pub dropped: Option<u64>,
    /// A comment on the whole capture.
    pub comment: Option<String>,
}

impl Recording {
    /// The frames, for [`flow::Analysis::add`](crate::flow::Analysis::add).
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

    /// Writes a pcapng file that only its owner can read, since it may contain secrets. The file appears whole or not at
    /// all; it replaces an older one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |attempt| move |source| Error::File { attempt, path: path.to_owned(), source };
        if path.exists() && !path.is_file() {
            // A device or a pipe must not be replaced.
            let file = File::options().write(true).open(path).map_err(failed("write"))?;
            return self.write_to(file).map(drop).map_err(at(path));
        }
        let staged = Staged::new(path, Permissions::Owner).map_err(failed("write"))?;
        self.write_to(staged).map_err(at(path))?.replace().map_err(failed("write"))
    }

    /// Writes pcapng to an output, and returns the output.
    ///
    /// # Errors
    /// [`Error::Write`] if the output fails; [`Error::Unwritable`] for a frame that is too long or without interface.
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
            let at = self.frames.iter().rev().find_map(|frame| frame.at).unwrap_or_default();
            let (received, dropped) = (self.received, self.dropped);
            writer.statistics(&InterfaceStatistics { interface: 0, at, received, dropped })?;
        }
        writer.finish()
    }

    /// Reads a file. Returns everything before the first error, and that error.
    pub fn read(path: &Path) -> (Self, Option<Error>) {
        match File::open(path) {
            Ok(file) => Self::read_from(file),
            Err(source) => (Self::default(), Some(Error::File { attempt: "open", path: path.to_owned(), source })),
        }
    }

    /// Reads an input, as [`read`](Self::read) a file.
    pub fn read_from(from: impl Read) -> (Self, Option<Error>) {
        let (mut recording, mut reader) = (Self::default(), CaptureReader::new(from));
        let mut statistics: BTreeMap<usize, InterfaceStatistics> = BTreeMap::new();
        let damage = loop {
            match reader.next() {
                Ok(None) => break None,
                Err(error) => break Some(error),
                Ok(Some(FileItem::Interface(_) | FileItem::Numbered(_))) => {}
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

/// The sum of the known counts; `None` if none is known.
pub(crate) fn sum(counts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    counts.flatten().reduce(u64::saturating_add)
}

/// Adds the path to an error.
fn at(path: &Path) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Write(source) => Error::File { attempt: "write", path: path.to_owned(), source },
        Error::Unwritable { why } => {
            Error::File { attempt: "write", path: path.to_owned(), source: io::Error::other(why) }
        }
        other => other,
    }
}
