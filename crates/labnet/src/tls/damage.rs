//! Where DER is damaged: the first element that is none, or that reaches beyond the one that it is in (X.690, section 8.1).

/// How deep elements may be nested (ours: a certificate has some ten levels).
const MAX_DEPTH: usize = 32;

/// A constructed element: it holds others.
const CONSTRUCTED: u8 = 0x20;

/// An OCTET STRING, in which a private key holds another structure.
const OCTET_STRING: u8 = 4;

/// A SEQUENCE.
const SEQUENCE: u8 = 0x30;

/// The offset of the first damaged element, in bytes; `None` when all are whole. What they mean is not looked at.
pub(super) fn first(der: &[u8]) -> Option<usize> {
    walk(der, 0, false)
}

/// The same of a private key in PKCS#8, the structure in its OCTET STRING included (RFC 5958, section 2).
pub(super) fn first_in_pkcs8(der: &[u8]) -> Option<usize> {
    walk(der, 0, true)
}

fn walk(der: &[u8], depth: usize, is_pkcs8: bool) -> Option<usize> {
    let mut at = 0;
    while let Some((tag, rest)) = der.get(at..)?.split_first() {
        let Some((content, len)) = content(*tag, rest).filter(|_| depth < MAX_DEPTH) else { return Some(at) };
        let Some(own) = content.get(..len) else { return Some(at) };
        let header = 1 + rest.len() - content.len();
        // Further down an OCTET STRING is a secret number, which may begin as a structure does.
        let is_key = is_pkcs8 && depth == 1 && *tag == OCTET_STRING && own.first() == Some(&SEQUENCE);
        let is_nested = tag & CONSTRUCTED != 0 || is_key;
        if let Some(damage) = is_nested.then(|| walk(own, depth + 1, is_pkcs8)).flatten() {
            return Some(at + header + damage);
        }
        at += header + len;
    }
    None
}

/// What stands behind the length of an element, and that length; `None` for a tag of several bytes, which nothing that
/// is read here has, and for a length that is none in DER.
fn content(tag: u8, rest: &[u8]) -> Option<(&[u8], usize)> {
    const LONG: u8 = 0x80;
    const SEVERAL_BYTES: u8 = 0x1f;
    let (first, rest) = rest.split_first().filter(|_| tag & SEVERAL_BYTES != SEVERAL_BYTES && tag != 0)?;
    if first & LONG == 0 {
        return Some((rest, usize::from(*first)));
    }
    // Three are enough for any file that is read.
    let (digits, rest) =
        rest.split_at_checked(usize::from(first & !LONG)).filter(|(digits, _)| (1..=3).contains(&digits.len()))?;
    Some((rest, digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_that_is_damaged_is_found() {
        for (der, expected) in [
            (&b""[..], None),
            (b"\x05\x00", None),
            (b"\x30\x05\x02\x01\x07\x05\x00", None),
            (b"\x30\x82\x00\x02\x05\x00", None),
            // Beyond the end of the whole, and of what it is in.
            (b"\x02\x02\x07", Some(0)),
            (b"\x30\x05\x02\x01\x07\x02\x07\x05\x00", Some(5)),
            (b"\x30\x03\xa0\x01\x05\x05\x00", Some(4)),
            // No length, or none in DER.
            (b"\x05", Some(0)),
            (b"\x30\x80\x00\x00", Some(0)),
            (b"\x30\x84\x00\x00\x00\x00", Some(0)),
            // No tag.
            (b"\x30\x02\x00\x00", Some(2)),
            (b"\x1f\x81\x00", Some(0)),
        ] {
            assert_eq!(first(der), expected, "{}", der.escape_ascii());
        }
        assert_eq!(first(&b"\x30\x80".repeat(9)), Some(0));
        let deep: Vec<u8> = (0..60).rev().flat_map(|level| [0x30, 2 * level]).collect();
        assert_eq!(first(&deep), Some(2 * MAX_DEPTH));
    }

    #[test]
    fn of_a_key_in_pkcs8_its_octet_string_is_looked_at_and_nothing_further_down() {
        let der = b"\x30\x06\x04\x04\x30\x02\x02\x07";
        assert_eq!((first(der), first_in_pkcs8(der)), (None, Some(6)));
        assert_eq!(first_in_pkcs8(b"\x30\x04\x04\x02\x02\x07"), None);
        // A secret number that begins as a structure does.
        assert_eq!(first_in_pkcs8(b"\x30\x08\x04\x06\x30\x04\x04\x02\x30\x07"), None);
    }

    /// Whatever the bytes: an answer within them.
    #[test]
    fn any_bytes_have_an_end() {
        for seed in 0..20_000_u32 {
            let bytes: Vec<u8> =
                (0..24).map(|i| (seed.wrapping_mul(2_654_435_761).rotate_left(i) >> 7) as u8).collect();
            assert!(first_in_pkcs8(&bytes).is_none_or(|at| at < bytes.len()));
        }
    }
}
