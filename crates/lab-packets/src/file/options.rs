//! Options at the end of a block: `code u16 ‖ length u16 ‖ value ‖ padding`, closed by code 0 (section 3.5).

use pcap_parser::PcapNGOption;

/// The maximum length of all options of a block, in bytes (ours). One option has at most 64 KiB.
pub(super) const MAX_OPTIONS_LEN: usize = 1 << 20;

/// `opt_comment`, in any block.
pub(super) const COMMENT: u16 = 1;
/// `if_name` (section 4.2).
pub(super) const IF_NAME: u16 = 2;
/// `if_tsresol`.
pub(super) const IF_TSRESOL: u16 = 9;
/// `if_tsoffset`.
pub(super) const IF_TSOFFSET: u16 = 14;
/// `shb_os` (section 4.1).
pub(super) const SHB_OS: u16 = 3;
/// `shb_userappl`.
pub(super) const SHB_USERAPPL: u16 = 4;
/// `isb_ifrecv` (section 4.6).
pub(super) const ISB_IFRECV: u16 = 4;
/// `isb_ifdrop`.
pub(super) const ISB_IFDROP: u16 = 5;
/// `isb_osdrop`.
pub(super) const ISB_OSDROP: u16 = 7;

/// The options of a block, in the byte order of its section.
pub(super) struct BlockOptions<'a> {
    pub(super) options: &'a [PcapNGOption<'a>],
    pub(super) is_big_endian: bool,
}

impl BlockOptions<'_> {
    /// All values of an option, without padding.
    pub(super) fn all(&self, code: u16) -> impl Iterator<Item = &[u8]> {
        let open = self.options.iter().take_while(|option| option.code.0 != 0);
        open.filter(move |option| option.code.0 == code).filter_map(|option| option.as_bytes().ok())
    }

    /// The first value as text; invalid UTF-8 is replaced.
    pub(super) fn text(&self, code: u16) -> Option<String> {
        self.all(code).next().map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The first byte of the first value.
    pub(super) fn u8(&self, code: u16) -> Option<u8> {
        self.all(code).next().and_then(|value| value.first()).copied()
    }

    /// The first value as a number of 8 bytes.
    pub(super) fn u64(&self, code: u16) -> Option<u64> {
        let value = self.all(code).next()?.first_chunk::<8>()?;
        Some(if self.is_big_endian { u64::from_be_bytes(*value) } else { u64::from_le_bytes(*value) })
    }
}

/// Adds an option in little endian. A value of more than 65,535 bytes is cut between two characters.
pub(super) fn add(to: &mut Vec<u8>, code: u16, value: &[u8]) {
    let mut len = value.len().min(usize::from(u16::MAX));
    while len < value.len() && value.get(len).is_some_and(|byte| byte & 0xc0 == 0x80) {
        len -= 1;
    }
    // The length was bounded.
    to.extend([code.to_le_bytes(), (len as u16).to_le_bytes()].concat());
    to.extend(value.iter().take(len));
    to.resize(to.len().next_multiple_of(4), 0);
}

/// Adds the end of options, if there are options.
pub(super) fn close(to: &mut Vec<u8>) {
    if !to.is_empty() {
        add(to, 0, &[]);
    }
}
