//! Passing over what nobody reads: the payloads of a file that is only counted.

use std::{
    fs::File,
    io::{Read, Result, Seek, SeekFrom},
};

/// What can pass over bytes without reading them.
pub(super) trait Skip {
    /// Passes over `len` bytes; `false`, and nothing else, if it cannot, or may have fewer.
    fn skip(&mut self, len: u64) -> Result<bool>;
}

/// Where a capture is read from.
pub(super) enum Source<R> {
    Whole(R),
    /// Long frames are passed over.
    Headers(SkippableFile),
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        match self {
            Self::Whole(from) => from.read(to),
            Self::Headers(file) => file.read(to),
        }
    }
}

impl<R> Skip for Source<R> {
    fn skip(&mut self, len: u64) -> Result<bool> {
        match self {
            Self::Whole(_) => Ok(false),
            Self::Headers(file) => file.skip(len),
        }
    }
}

/// A file that is read from where it stands, and can be passed over.
pub(super) struct SkippableFile {
    file: File,
    /// How long it was when this was last asked; 0 for what is no regular file.
    len: u64,
    position: u64,
}

impl SkippableFile {
    pub(super) fn new(mut file: File) -> Self {
        let len = file.metadata().ok().filter(|metadata| metadata.is_file()).map_or(0, |metadata| metadata.len());
        let position = file.stream_position().ok();
        Self { file, len: if position.is_some() { len } else { 0 }, position: position.unwrap_or(0) }
    }
}

impl Skip for SkippableFile {
    fn skip(&mut self, len: u64) -> Result<bool> {
        let Some(target) = self.position.checked_add(len).filter(|target| *target <= self.len) else {
            return Ok(false);
        };
        self.position = self.file.seek(SeekFrom::Start(target))?;
        Ok(true)
    }
}

impl Read for SkippableFile {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        let read = self.file.read(to)?;
        self.position += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
