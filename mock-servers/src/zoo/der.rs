//! A writer of DER (ITU-T X.690) that writes whatever it is told, so that anything can be broken on purpose.

use time::{OffsetDateTime, UtcOffset};

/// The tags that certificates use.
pub(super) mod tag {
    pub(in crate::zoo) const BOOLEAN: u8 = 0x01;
    pub(in crate::zoo) const INTEGER: u8 = 0x02;
    pub(in crate::zoo) const BIT_STRING: u8 = 0x03;
    pub(in crate::zoo) const OCTET_STRING: u8 = 0x04;
    pub(in crate::zoo) const OID: u8 = 0x06;
    pub(in crate::zoo) const UTF8_STRING: u8 = 0x0c;
    pub(in crate::zoo) const UTC_TIME: u8 = 0x17;
    pub(in crate::zoo) const GENERALIZED_TIME: u8 = 0x18;
    pub(in crate::zoo) const SEQUENCE: u8 = 0x30;
    pub(in crate::zoo) const SET: u8 = 0x31;
}

/// Object identifiers, encoded.
pub(super) mod oid {
    pub(in crate::zoo) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    pub(in crate::zoo) const SUBJECT_KEY_ID: &[u8] = &[0x55, 29, 14];
    pub(in crate::zoo) const KEY_USAGE: &[u8] = &[0x55, 29, 15];
    pub(in crate::zoo) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 29, 17];
    pub(in crate::zoo) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 29, 19];
    pub(in crate::zoo) const NAME_CONSTRAINTS: &[u8] = &[0x55, 29, 30];
    pub(in crate::zoo) const AUTHORITY_KEY_ID: &[u8] = &[0x55, 29, 35];
    pub(in crate::zoo) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 29, 37];
    /// anyExtendedKeyUsage.
    pub(in crate::zoo) const ANY_PURPOSE: &[u8] = &[0x55, 29, 37, 0];
    pub(in crate::zoo) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    pub(in crate::zoo) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
    pub(in crate::zoo) const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
    /// An extension that nobody has defined: 2.25 is the arc of UUIDs, this one is ours.
    pub(in crate::zoo) const UNKNOWN: &[u8] = &[0x69, 0x83, 0xd5, 0xa2, 0x9e, 0x07];
    pub(in crate::zoo) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    pub(in crate::zoo) const MD5_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4];
    pub(in crate::zoo) const SHA1_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5];
    pub(in crate::zoo) const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    pub(in crate::zoo) const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
}

/// A tag, a length, a value.
pub(super) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len();
    let mut bytes = vec![tag];
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            let long: Vec<u8> = len.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect();
            // A length has at most 8 octets here, so their number fits.
            bytes.push(0x80 | long.len() as u8);
            bytes.extend(long);
        }
    }
    bytes.extend_from_slice(value);
    bytes
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag::SEQUENCE, &parts.concat())
}

/// `[number]` around what it tags.
pub(super) fn explicit(number: u8, value: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, value)
}

/// `[number]` in place of a primitive tag.
pub(super) fn implicit(number: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x80 | number, value)
}

/// Whole octets.
pub(super) fn bit_string(octets: &[u8]) -> Vec<u8> {
    tlv(tag::BIT_STRING, &[&[0], octets].concat())
}

pub(super) fn boolean(value: bool) -> Vec<u8> {
    tlv(tag::BOOLEAN, &[if value { 0xff } else { 0 }])
}

/// A distinguished name of one common name; an empty one for an empty text.
pub(super) fn name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return sequence(&[]);
    }
    let attribute = sequence(&[&tlv(tag::OID, oid::COMMON_NAME), &tlv(tag::UTF8_STRING, common_name.as_bytes())]);
    sequence(&[&tlv(tag::SET, &attribute)])
}

/// A moment as RFC 5280, section 4.1.2.5 wants it: UTCTime until 2049, then GeneralizedTime.
pub(super) fn time(at: OffsetDateTime) -> Vec<u8> {
    match at.to_offset(UtcOffset::UTC).year() {
        1950..=2049 => utc_time(&format!("{}Z", two_digit_year(at))),
        _ => generalized_time(at),
    }
}

/// `YYMMDDhhmmss`.
pub(super) fn two_digit_year(at: OffsetDateTime) -> String {
    digits(at).chars().skip(2).collect()
}

pub(super) fn utc_time(text: &str) -> Vec<u8> {
    tlv(tag::UTC_TIME, text.as_bytes())
}

pub(super) fn generalized_time(at: OffsetDateTime) -> Vec<u8> {
    tlv(tag::GENERALIZED_TIME, format!("{}Z", digits(at)).as_bytes())
}

fn digits(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!("{year:04}{:02}{day:02}{hour:02}{minute:02}{second:02}", u8::from(month))
}

/// A certificate as people exchange it (RFC 7468).
pub(super) fn pem(der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    // 48 octets make a line of 64 characters.
    for line in der.chunks(48) {
        for triple in line.chunks(3) {
            let bits = triple.iter().chain(&[0; 3]).take(3).fold(0_usize, |bits, &byte| bits << 8 | usize::from(byte));
            for place in 0..4 {
                let digit = ALPHABET.get(bits >> (18 - 6 * place) & 63).copied();
                text.push(digit.filter(|_| place <= triple.len()).map_or('=', char::from));
            }
        }
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        assert_eq!(tlv(4, &[7; 127])[..2], [4, 127]);
        assert_eq!(tlv(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[7; 256])[..4], [4, 0x82, 1, 0]);
    }

    #[test]
    fn pem_is_padded_and_broken_into_lines() {
        assert_eq!(pem(b"M"), "-----BEGIN CERTIFICATE-----\nTQ==\n-----END CERTIFICATE-----\n");
        assert_eq!(pem(b"Man!").lines().nth(1), Some("TWFuIQ=="));
        assert_eq!(pem(&[0; 49]).lines().nth(1).map(str::len), Some(64));
    }

    #[test]
    fn times_change_their_form_in_2050() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        assert_eq!(time(at(0)), tlv(tag::UTC_TIME, b"700101000000Z"));
        assert_eq!(time(at(2_524_608_000)), tlv(tag::GENERALIZED_TIME, b"20500101000000Z"));
    }
}
