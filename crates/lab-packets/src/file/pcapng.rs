//! Decodes the blocks of pcapng. The caller passes whole blocks, and has checked their lengths.

use std::{borrow::Cow, ops::Range, time::Duration};

use pcap_parser::{
    PcapError, PcapNGOption,
    nom::IResult,
    pcapng::{
        SecretsType, parse_decryptionsecretsblock_be, parse_decryptionsecretsblock_le, parse_enhancedpacketblock_be,
        parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
        parse_interfacestatisticsblock_be, parse_interfacestatisticsblock_le, parse_sectionheaderblock,
    },
};

use super::{
    CaptureInterface, InterfaceStatistics, LinkType, MAX_INTERFACES, NumberedBlock,
    options::{self, BlockOptions, MAX_OPTIONS_LEN},
    time::TimestampUnits,
};

/// The type of a Section Header Block, the same in both byte orders.
pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The byte-order magic of a section, in big endian.
pub(super) const BYTE_ORDER_MAGIC: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

/// The bytes of an Enhanced Packet Block before the frame (section 4.3).
const ENHANCED_HEADER_LEN: usize = 28;

/// The bytes of a Simple Packet Block before the frame (section 4.4).
const SIMPLE_HEADER_LEN: usize = 12;

/// The contents of a block, for [`CaptureReader`](super::CaptureReader).
pub(super) enum BlockContent {
    Interface(usize),
    Frame {
        at: Option<Duration>,
        interface: usize,
        /// The position of the frame in the block.
        range: Range<usize>,
        original_len: u32,
        comments: Vec<Cow<'static, str>>,
    },
    Secrets(String),
    Statistics(InterfaceStatistics),
    Numbered(NumberedBlock),
}

/// The state of the current section.
#[derive(Default)]
pub(super) struct Section {
    pub(super) is_big_endian: bool,
    /// The number of interfaces in earlier sections.
    first: usize,
    clocks: Vec<TimestampUnits>,
}

/// The state that all sections of a file share.
#[derive(Default)]
pub(super) struct FileState {
    pub(super) interfaces: Vec<CaptureInterface>,
    /// The comment of the first section that has one.
    pub(super) comment: Option<String>,
    /// The time of the last frame with a time.
    pub(super) last: Option<Duration>,
}

impl Section {
    /// The number of 4 bytes at a position, in the byte order of the section.
    pub(super) fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn options<'a>(&self, options: &'a [PcapNGOption<'a>]) -> BlockOptions<'a> {
        BlockOptions { options, is_big_endian: self.is_big_endian }
    }

    /// Decodes a block; `None` for one without contents for an item.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the block.
    pub(super) fn read(&mut self, block: &[u8], known: &mut FileState) -> Result<Option<BlockContent>, String> {
        match self.u32(block, 0) {
            Some(0x0a0d_0d0a) => self.section_header(block, known).map(|()| None),
            Some(1) => self.interface(block, known).map(Some),
            Some(2) => self.packet(block, known).map(Some),
            Some(3) => self.simple_packet(block, known).map(Some),
            Some(5) => self.statistics(block).map(Some),
            Some(6) => self.enhanced_packet(block, known).map(Some),
            Some(0x0a) => self.secrets(block),
            Some(0x0bad | 0x4000_0bad) => Ok(Some(BlockContent::Numbered(NumberedBlock::Custom))),
            Some(9) => Ok(Some(BlockContent::Numbered(NumberedBlock::Journal))),
            Some(0x204 | 0x216 | 0x221) => Ok(Some(BlockContent::Numbered(NumberedBlock::Sysdig))),
            // Name resolution, future types.
            _ => Ok(None),
        }
    }

    fn section_header(&mut self, block: &[u8], known: &mut FileState) -> Result<(), String> {
        bound_options(block, 28)?;
        let header = parsed(block, parse_sectionheaderblock(block))?;
        if header.major_version != 1 {
            let (major, minor) = (header.major_version, header.minor_version);
            return Err(format!("its section is of pcapng's version {major}.{minor}, and only 1 is known"));
        }
        let is_big_endian = header.big_endian();
        *self = Self { is_big_endian, first: known.interfaces.len(), clocks: Vec::new() };
        known.comment = known.comment.take().or_else(|| self.options(&header.options).text(options::COMMENT));
        Ok(())
    }

    fn interface(&mut self, block: &[u8], known: &mut FileState) -> Result<BlockContent, String> {
        bound_options(block, 20)?;
        if known.interfaces.len() >= MAX_INTERFACES {
            return Err(format!("there are more than {MAX_INTERFACES} interfaces"));
        }
        let parse =
            if self.is_big_endian { parse_interfacedescriptionblock_be } else { parse_interfacedescriptionblock_le };
        let description = parsed(block, parse(block))?;
        let options = self.options(&description.options);
        let resolution = options.u8(options::IF_TSRESOL);
        let offset = options.u64(options::IF_TSOFFSET).unwrap_or_default().cast_signed();
        self.clocks.push(TimestampUnits::new(resolution.unwrap_or(6), offset));
        known.interfaces.push(CaptureInterface {
            name: options.text(options::IF_NAME).unwrap_or_default(),
            // Two bytes in the file.
            link: LinkType(description.linktype.0 as u16),
            snaplen: description.snaplen,
            comment: options.text(options::COMMENT),
        });
        Ok(BlockContent::Interface(known.interfaces.len() - 1))
    }

    /// The timestamp units of an interface of this section, and its index in the file.
    fn clock(&self, number: usize) -> Result<(TimestampUnits, usize), String> {
        let clock = self.clocks.get(number).copied();
        let clock = clock.ok_or_else(|| format!("it is of interface {number}, which the section has not described"))?;
        Ok((clock, self.first + number))
    }

    fn enhanced_packet(&self, block: &[u8], known: &mut FileState) -> Result<BlockContent, String> {
        let len = self.u32(block, 20).unwrap_or_default() as usize;
        let room = block.len().saturating_sub(ENHANCED_HEADER_LEN + 4);
        if len > room {
            return Err(format!("it says that its frame has {len} bytes, and has room for {room}"));
        }
        bound_options(block, ENHANCED_HEADER_LEN + len)?;
        let parse = if self.is_big_endian { parse_enhancedpacketblock_be } else { parse_enhancedpacketblock_le };
        let packet = parsed(block, parse(block))?;
        let (clock, interface) = self.clock(packet.if_id as usize)?;
        known.last = Some(clock.at(packet.ts_high, packet.ts_low));
        let options = self.options(&packet.options);
        let comments = options.all(options::COMMENT).map(|text| String::from_utf8_lossy(text).into_owned().into());
        Ok(BlockContent::Frame {
            at: known.last,
            interface,
            range: ENHANCED_HEADER_LEN..ENHANCED_HEADER_LEN + len,
            original_len: packet.origlen,
            comments: comments.collect(),
        })
    }

    /// A frame of the first interface. The block has only its original length; the snap length bounds the captured bytes.
    fn simple_packet(&self, block: &[u8], known: &FileState) -> Result<BlockContent, String> {
        let (_, interface) = self.clock(0)?;
        let original_len = self.u32(block, 8).filter(|_| block.len() >= SIMPLE_HEADER_LEN + 4);
        let original_len = original_len.ok_or("it is too short for its fields")?;
        let room = block.len() - SIMPLE_HEADER_LEN - 4;
        let snaplen = known.interfaces.get(interface).map_or(0, |interface| interface.snaplen);
        let limit = if snaplen == 0 { u32::MAX } else { snaplen };
        let len = original_len.min(limit) as usize;
        if len > room {
            return Err(format!("it says that its frame has {len} bytes, and has room for {room}"));
        }
        let range = SIMPLE_HEADER_LEN..SIMPLE_HEADER_LEN + len;
        Ok(BlockContent::Frame { at: known.last, interface, range, original_len, comments: Vec::new() })
    }

    /// The obsolete Packet Block (appendix A): like an Enhanced one, with an interface of 2 bytes.
    fn packet(&self, block: &[u8], known: &mut FileState) -> Result<BlockContent, String> {
        let short = || "it is too short for its fields".to_owned();
        let number = block.get(8..10).and_then(|bytes| bytes.first_chunk::<2>()).ok_or_else(short)?;
        let number = if self.is_big_endian { u16::from_be_bytes(*number) } else { u16::from_le_bytes(*number) };
        let [high, low, len, original_len] = [12, 16, 20, 24].map(|at| self.u32(block, at));
        let (Some(high), Some(low), Some(len), Some(original_len)) = (high, low, len, original_len) else {
            return Err(short());
        };
        let (len, room) = (len as usize, block.len().saturating_sub(ENHANCED_HEADER_LEN + 4));
        if len > room {
            return Err(format!("it says that its frame has {len} bytes, and has room for {room}"));
        }
        let (clock, interface) = self.clock(usize::from(number))?;
        known.last = Some(clock.at(high, low));
        let range = ENHANCED_HEADER_LEN..ENHANCED_HEADER_LEN + len;
        Ok(BlockContent::Frame { at: known.last, interface, range, original_len, comments: Vec::new() })
    }

    fn statistics(&self, block: &[u8]) -> Result<BlockContent, String> {
        bound_options(block, 24)?;
        let parse =
            if self.is_big_endian { parse_interfacestatisticsblock_be } else { parse_interfacestatisticsblock_le };
        let statistics = parsed(block, parse(block))?;
        let (clock, interface) = self.clock(statistics.if_id as usize)?;
        let options = self.options(&statistics.options);
        let (by_interface, by_system) = (options.u64(options::ISB_IFDROP), options.u64(options::ISB_OSDROP));
        let dropped = by_interface.unwrap_or_default().saturating_add(by_system.unwrap_or_default());
        Ok(BlockContent::Statistics(InterfaceStatistics {
            interface,
            at: clock.at(statistics.ts_high, statistics.ts_low),
            received: options.u64(options::ISB_IFRECV),
            dropped: by_interface.or(by_system).map(|_| dropped),
        }))
    }

    /// The key log of TLS; `None` for secrets of other protocols.
    fn secrets(&self, block: &[u8]) -> Result<Option<BlockContent>, String> {
        let len = self.u32(block, 12).unwrap_or_default() as usize;
        let room = block.len().saturating_sub(20);
        if len > room {
            return Err(format!("it says that its secrets have {len} bytes, and has room for {room}"));
        }
        bound_options(block, 16 + len)?;
        let parse = if self.is_big_endian { parse_decryptionsecretsblock_be } else { parse_decryptionsecretsblock_le };
        let secrets = parsed(block, parse(block))?;
        let text = secrets.data.get(..len).unwrap_or_default();
        let is_key_log = secrets.secrets_type == SecretsType::TlsKeyLog;
        Ok(is_key_log.then(|| BlockContent::Secrets(String::from_utf8_lossy(text).into_owned())))
    }
}

/// Bounds the length of the options, whose decoding needs much memory. `len` is the length before them, unpadded.
fn bound_options(block: &[u8], len: usize) -> Result<(), String> {
    let options = block.len().saturating_sub(len.next_multiple_of(4) + 4);
    if options > MAX_OPTIONS_LEN { Err(format!("it has {options} bytes of options")) } else { Ok(()) }
}

fn parsed<'a, T>(block: &[u8], result: IResult<&'a [u8], T, PcapError<&'a [u8]>>) -> Result<T, String> {
    result.map(|(_, parsed)| parsed).map_err(|_| format!("its fields do not fit into its {} bytes", block.len()))
}
