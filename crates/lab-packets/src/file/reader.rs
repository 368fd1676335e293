//! Reads capture files, pcapng and pcap, block by block.

use std::{
    borrow::Cow,
    fs::File,
    io::{BufRead, Read},
};

use labnet::escape::escape;

use super::{
    CaptureInterface, CapturedFrame, InterfaceStatistics, KeyLog, MAX_BLOCK_LEN, MIN_HEADERS_LEN, NumberedBlock,
    buffer::Buffer,
    compression::{CompressedDataError, Input},
    pcap::{self, Layout},
    pcapng::{BYTE_ORDER_MAGIC, BlockContent, FileState, SECTION_HEADER, Section},
    skip::{SkippableFile, Source},
};
use crate::{Error, file::LinkType};

/// The magic numbers of compressed files that are not decompressed here (gzip and zstd: if they were compressed twice), and
/// the program that does it.
const COMPRESSED: &[(&[u8], &str)] = &[
    (&[0x1f, 0x8b], "gunzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "unzstd"),
    (&[0x04, 0x22, 0x4d, 0x18], "unlz4"),
    (b"BZh", "bunzip2"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "unxz"),
];

/// The minimum length of a block: type, and length twice.
const MIN_BLOCK_LEN: usize = 12;

/// The minimum length of a frame that is passed over, in bytes (ours): to read a shorter one costs less than two more
/// system calls.
const LONG: usize = 1 << 14;

/// An item of a capture file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileItem<'a> {
    /// The description of an interface: its index, the last one of [`CaptureReader::interfaces`].
    Interface(usize),
    /// A frame.
    Frame(CapturedFrame<'a>),
    /// Secrets of TLS connections.
    Secrets(KeyLog),
    /// The counters of an interface since the start of the capture; later ones replace earlier ones.
    Statistics(InterfaceStatistics),
    /// Something else that has a number among the frames.
    Numbered(NumberedBlock),
}

enum Format {
    NextGeneration(Section),
    Classic(Layout),
}

/// Reads a capture file without seeking, so that the input may be a pipe. A capture that is compressed with gzip or zstd is
/// decompressed, whatever its name.
///
/// Memory is bounded by twice the longest block of the file, its interfaces, and 128 MiB, the maximum window of zstd.
pub struct CaptureReader<R> {
    buffer: Buffer<Input<Source<R>>>,
    format: Option<Format>,
    known: FileState,
    /// The length of the last item, in bytes, which is still in the buffer.
    len: usize,
    is_over: bool,
}

impl<R: Read> CaptureReader<R> {
    /// A reader at the start of a file. It reads at the first call of [`next`](Self::next), and has a buffer of its own.
    pub fn new(from: R) -> Self {
        Self::of(Source::Whole(from))
    }

    /// A reader that passes over most of what is behind the first [`MIN_HEADERS_LEN`] bytes of long frames, to count
    /// them; only in a pcap file that is not compressed, any other is read whole.
    pub fn without_payloads(file: File) -> Self {
        Self::of(Source::Headers(SkippableFile::new(file)))
    }

    fn of(source: Source<R>) -> Self {
        Self {
            buffer: Buffer::new(Input::new(source)),
            format: None,
            known: FileState::default(),
            len: 0,
            is_over: false,
        }
    }

    /// The interfaces described so far.
    pub fn interfaces(&self) -> &[CaptureInterface] {
        &self.known.interfaces
    }

    /// The comment on the whole file, if one was read.
    pub fn comment(&self) -> Option<&str> {
        self.known.comment.as_deref()
    }

    /// The number of bytes before the last item, of the uncompressed capture.
    pub fn offset(&self) -> u64 {
        self.buffer.position()
    }

    /// The next item; `None` at the end and after an error.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a file of another format; [`Error::Cut`] and [`Error::Damaged`] after all items before the
    /// block; [`Error::Compressed`] after all items that could be decompressed; [`Error::Read`] if the input fails.
    #[expect(clippy::should_implement_trait, reason = "an iterator's items could not borrow from the reader")]
    pub fn next(&mut self) -> Result<Option<FileItem<'_>>, Error> {
        if self.is_over {
            return Ok(None);
        }
        self.buffer.consume(std::mem::take(&mut self.len));
        let found = self.advance();
        self.is_over = !matches!(found, Ok(Some(_)));
        let Some(found) = found? else { return Ok(None) };
        Ok(Some(match found {
            BlockContent::Interface(number) => FileItem::Interface(number),
            BlockContent::Secrets(text) => FileItem::Secrets(KeyLog::new(&text)),
            BlockContent::Numbered(block) => FileItem::Numbered(block),
            BlockContent::Statistics(statistics) => FileItem::Statistics(statistics),
            BlockContent::Frame { at, interface, range, original_len, comments } => {
                let link = self.known.interfaces.get(interface).map_or(LinkType::RAW, |interface| interface.link);
                // The whole block is in the buffer.
                let block = self.buffer.peek(self.len).unwrap_or_default();
                let bytes = block.get(range).unwrap_or_default();
                FileItem::Frame(CapturedFrame { at, link, interface, bytes, original_len, comments })
            }
        }))
    }

    fn advance(&mut self) -> Result<Option<BlockContent>, Error> {
        let mut format = match self.format.take() {
            Some(format) => format,
            None => self.recognize()?,
        };
        let found = match &mut format {
            Format::Classic(layout) if self.known.interfaces.is_empty() => Ok(Some(self.only_interface(layout))),
            Format::Classic(layout) => self.record(layout),
            Format::NextGeneration(section) => self.block(section),
        };
        self.format = Some(format);
        found
    }

    fn recognize(&mut self) -> Result<Format, Error> {
        peek(&mut self.buffer, pcap::HEADER_LEN)?;
        let within = match self.buffer.source().compression() {
            Some(compression) => format!("decompressed with {compression}, "),
            None => String::new(),
        };
        let bytes = peek(&mut self.buffer, pcap::HEADER_LEN)?;
        let foreign = |why: String| Err(Error::Foreign { why: within + &why });
        if bytes.starts_with(&SECTION_HEADER) {
            return Ok(Format::NextGeneration(Section::default()));
        }
        if pcap::is_pcap(bytes) {
            let layout = Layout::read(bytes);
            let why = || format!("a header has {} bytes, and {} are there", pcap::HEADER_LEN, bytes.len());
            return layout.map(Format::Classic).ok_or_else(|| Error::Cut { offset: 0, why: why() });
        }
        if bytes.is_empty() {
            return foreign("it is empty".to_owned());
        }
        if let Some((_, with)) = COMPRESSED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return foreign(format!("it is compressed ({with} first)"));
        }
        foreign(format!("it begins '{}'", escape(bytes.get(..8).unwrap_or(bytes))))
    }

    /// The only interface of a pcap file, from its header.
    fn only_interface(&mut self, layout: &Layout) -> BlockContent {
        self.len = pcap::HEADER_LEN;
        self.known.interfaces.push(CaptureInterface {
            name: String::new(),
            link: layout.link,
            snaplen: layout.snaplen,
            comment: None,
        });
        BlockContent::Interface(0)
    }

    fn record(&mut self, layout: &Layout) -> Result<Option<BlockContent>, Error> {
        let offset = self.buffer.position();
        let header = peek(&mut self.buffer, layout.record_header_len)?;
        if header.is_empty() {
            return Ok(None);
        }
        if header.len() < layout.record_header_len {
            let why =
                format!("a record's header has {} bytes, and {} are there", layout.record_header_len, header.len());
            return Err(Error::Cut { offset, why });
        }
        let record = layout.record(header).map_err(|why| Error::Damaged { offset, why: why.into_owned() })?;
        let len = record.range.end;
        let (at, original_len, interface) = (Some(record.at), record.original_len, 0);
        let head = layout.record_header_len + MIN_HEADERS_LEN;
        if record.range.len() > LONG
            && original_len as usize >= record.range.len()
            && peek(&mut self.buffer, head)?.len() == head
            && self.buffer.cut_out(head, len - head).map_err(|source| Error::Read { offset, source })?
        {
            self.len = head;
            let (range, comments) = (layout.record_header_len..head, Vec::new());
            return Ok(Some(BlockContent::Frame { at, interface, range, original_len, comments }));
        }
        let there = peek(&mut self.buffer, len)?.len();
        if there < len {
            return Err(Error::Cut { offset, why: format!("it has {len} bytes, and {there} are there") });
        }
        self.len = len;
        let (at, range, original_len) = (Some(record.at), record.range, record.original_len);
        Ok(Some(BlockContent::Frame {
            at,
            interface: 0,
            range,
            original_len,
            comments: Vec::<Cow<'static, str>>::new(),
        }))
    }

    /// The next block with contents for an item; skips others.
    fn block(&mut self, section: &mut Section) -> Result<Option<BlockContent>, Error> {
        loop {
            let offset = self.buffer.position();
            let Some(len) = self.block_len(section)? else { return Ok(None) };
            let block = peek(&mut self.buffer, len)?;
            if let Some(found) = section.read(block, &mut self.known).map_err(|why| Error::Damaged { offset, why })? {
                self.len = len;
                return Ok(Some(found));
            }
            self.buffer.consume(len);
        }
    }

    /// The length of the next block, after a check that all of it is there; `None` at the end of the file.
    fn block_len(&mut self, section: &mut Section) -> Result<Option<usize>, Error> {
        let offset = self.buffer.position();
        let header = peek(&mut self.buffer, MIN_BLOCK_LEN)?;
        if header.is_empty() {
            return Ok(None);
        }
        let cut = |why: String| Error::Cut { offset, why };
        let damaged = |why: String| Error::Damaged { offset, why };
        let Some((head, magic)) = header.split_at_checked(8).filter(|_| header.len() == MIN_BLOCK_LEN) else {
            return Err(cut(format!("a block has at least {MIN_BLOCK_LEN} bytes, and {} are there", header.len())));
        };
        if head.starts_with(&SECTION_HEADER) {
            let mut reversed = BYTE_ORDER_MAGIC;
            reversed.reverse();
            section.is_big_endian = magic == BYTE_ORDER_MAGIC;
            if !section.is_big_endian && magic != reversed {
                return Err(damaged(format!("its byte order is told by none of the magic numbers: {magic:02x?}")));
            }
        }
        let len = section.u32(head, 4).unwrap_or_default();
        if len > MAX_BLOCK_LEN {
            return Err(damaged(format!(
                "it says that it has {len} bytes, and more than {MAX_BLOCK_LEN} are not read"
            )));
        }
        let whole = len as usize;
        if whole < MIN_BLOCK_LEN || !whole.is_multiple_of(4) {
            return Err(damaged(format!("it says that it has {len} bytes, which no block can have")));
        }
        let block = peek(&mut self.buffer, whole)?;
        if block.len() < whole {
            return Err(cut(format!("it has {len} bytes, and {} are there", block.len())));
        }
        match section.u32(block, whole - 4) {
            Some(again) if again == len => Ok(Some(whole)),
            again => {
                let again = again.unwrap_or_default();
                Err(damaged(format!("it says at its start that it has {len} bytes, and at its end {again}")))
            }
        }
    }
}

fn peek<R: Read>(buffer: &mut Buffer<Input<R>>, len: usize) -> Result<&[u8], Error> {
    let offset = buffer.position();
    buffer.peek(len).map_err(|source| match source.downcast::<CompressedDataError>() {
        Ok(CompressedDataError { compression, fault }) => Error::Compressed { compression, offset, fault },
        Err(source) => Error::Read { offset, source },
    })
}
