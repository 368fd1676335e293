//! Where frames come from: a file, or stdin.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use lab_packets::{
    file::{CaptureReader, FileItem, InterfaceStatistics, KeyLog},
    flow::{Analysis, Detail, Traffic},
};

use crate::error::Error;

/// What a file contains, up to its end or to where it is damaged.
pub(crate) struct Contents {
    pub(crate) traffic: Traffic,
    pub(crate) secrets: KeyLog,
    /// Frames that the interfaces received, if the file says so.
    pub(crate) received: Option<u64>,
    /// Frames that were lost, if the file says so.
    pub(crate) dropped: Option<u64>,
    pub(crate) damage: Option<Error>,
}

/// Reads a file, frame by frame.
///
/// # Errors
/// [`Error::Damaged`] when nothing at all can be read from it.
pub(crate) fn read(path: &Path, detail: Detail) -> Result<Contents, Error> {
    let damaged = |source| Error::Damaged { path: path.display().to_string(), source };
    let mut reader: CaptureReader<Box<dyn Read>> = if path == Path::new("-") {
        CaptureReader::new(Box::new(io::stdin().lock()))
    } else {
        let failed = |source| labnet::Error::File { attempt: "open", path: path.display().to_string(), source };
        let file = File::open(path).map_err(failed)?;
        match detail {
            Detail::Counts => CaptureReader::without_payloads(file),
            Detail::Packets => CaptureReader::new(Box::new(file)),
        }
    };
    let mut analysis = Analysis::new(detail);
    let (mut secrets, mut statistics) = (KeyLog::default(), BTreeMap::<usize, InterfaceStatistics>::new());
    let damage = loop {
        match reader.next() {
            Ok(None) => break None,
            Err(error @ lab_packets::Error::Foreign { .. }) => return Err(damaged(error)),
            Err(error) => break Some(damaged(error)),
            Ok(Some(FileItem::Frame(frame))) => analysis.add(&frame),
            Ok(Some(FileItem::Secrets(log))) => secrets.push(log.as_str()),
            Ok(Some(FileItem::Statistics(new))) => drop(statistics.insert(new.interface, new)),
            Ok(Some(FileItem::Numbered(block))) => analysis.add_numbered(block),
            Ok(Some(FileItem::Interface(_))) => {}
        }
    };
    let sum = |pick: fn(&InterfaceStatistics) -> Option<u64>| {
        statistics.values().filter_map(pick).reduce(u64::saturating_add)
    };
    let (received, dropped) = (sum(|statistics| statistics.received), sum(|statistics| statistics.dropped));
    Ok(Contents { traffic: analysis.finish(), secrets, received, dropped, damage })
}
