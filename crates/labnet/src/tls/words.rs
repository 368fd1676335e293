//! What X.509 structures say, in words: object identifiers, names, and texts in the types that they are written in.

use std::{fmt, net::IpAddr, sync::LazyLock};

use x509_parser::{
    der_parser::asn1_rs::{Any, FromDer, Oid, Tag},
    extensions::GeneralName,
    objects::oid2abbrev,
    oid_registry::OidRegistry,
    x509::X509Name,
};

use crate::{count::Count, escape::Printable};

/// The longest object identifier whose numbers are shown, in bytes (ours: those in use have ten).
const MAX_OID_LEN: usize = 64;

/// The object identifiers that have names.
static REGISTRY: LazyLock<OidRegistry<'static>> =
    LazyLock::new(|| OidRegistry::default().with_all_crypto().with_x509());

/// An object identifier by the content of its DER: shown with dots, such as `2.5.4.3`.
///
/// Read here because x509-parser shows `2.999.4` as `3.16.55.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DottedOid<'a>(&'a [u8]);

impl<'a> DottedOid<'a> {
    /// That of an object identifier as it was parsed.
    pub fn of(oid: &'a Oid<'_>) -> Self {
        Self(oid.as_bytes())
    }

    /// Its numbers; `None` when it is damaged, or a number has more than 64 bits.
    pub fn arcs(self) -> Option<Vec<u64>> {
        let mut arcs = Vec::new();
        for subidentifier in self.subidentifiers()? {
            let mut number = 0_u64;
            for byte in subidentifier {
                number = number.checked_mul(1 << 7)? | u64::from(byte & 0x7f);
            }
            if arcs.is_empty() {
                // X.690, section 8.19.4: of the first two numbers one is made; what is 80 or more belongs to 2.
                let root = (number / 40).min(2);
                arcs.extend([root, number - root * 40]);
            } else {
                arcs.push(number);
            }
        }
        Some(arcs)
    }

    /// The bytes of each number (X.690, section 8.19.2): the last one alone has its first bit clear, and the first one is
    /// not padding. `None` when they are otherwise, or too many.
    fn subidentifiers(self) -> Option<Vec<&'a [u8]>> {
        let is_last = |byte: &u8| byte & 0x80 == 0;
        let is_whole = self.0.len() <= MAX_OID_LEN && self.0.last().is_some_and(is_last);
        let all: Vec<_> = self.0.split_inclusive(is_last).collect();
        (is_whole && all.iter().all(|number| number.first() != Some(&0x80))).then_some(all)
    }
}

impl fmt::Display for DottedOid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(subidentifiers) = self.subidentifiers() else {
            let shown = self.0.iter().take(MAX_OID_LEN).map(|byte| format!("{byte:02x}")).collect::<String>();
            return write!(f, "(damaged identifier {shown}{})", if self.0.len() > MAX_OID_LEN { "…" } else { "" });
        };
        for (at, subidentifier) in subidentifiers.into_iter().enumerate() {
            let mut digits = Decimal::of(subidentifier);
            if at == 0 {
                let root = match digits.small() {
                    Some(number) => (number / 40).min(2),
                    None => 2,
                };
                digits.subtract(root * 40);
                write!(f, "{root}.{digits}")?;
            } else {
                write!(f, ".{digits}")?;
            }
        }
        Ok(())
    }
}

/// A number of any size: its decimal digits, the last one first. An identifier made of a UUID has 128 bits.
struct Decimal(Vec<u8>);

impl Decimal {
    /// Of digits of seven bits each.
    fn of(subidentifier: &[u8]) -> Self {
        let mut digits = vec![0_u8];
        for byte in subidentifier {
            let mut carry = u32::from(byte & 0x7f);
            for digit in &mut digits {
                let value = u32::from(*digit) * 128 + carry;
                *digit = u8::try_from(value % 10).unwrap_or_default();
                carry = value / 10;
            }
            while carry > 0 {
                digits.push(u8::try_from(carry % 10).unwrap_or_default());
                carry /= 10;
            }
        }
        Self(digits)
    }

    /// Its value, if it has two digits at most.
    fn small(&self) -> Option<u8> {
        match self.0[..] {
            [ones] => Some(ones),
            [ones, tens] => Some(tens * 10 + ones),
            _ => None,
        }
    }

    /// Takes away a number that is not larger.
    fn subtract(&mut self, mut number: u8) {
        let mut borrow = 0;
        for digit in &mut self.0 {
            let less = number % 10 + borrow;
            number /= 10;
            borrow = u8::from(*digit < less);
            *digit = *digit + 10 * borrow - less;
        }
        while self.0.len() > 1 && self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|digit| write!(f, "{digit}"))
    }
}

/// An object identifier by its short name, such as `CN`, or with dots when it has none.
pub fn identifier(oid: &Oid<'_>) -> String {
    oid2abbrev(oid, &REGISTRY).map_or_else(|_| DottedOid::of(oid).to_string(), str::to_owned)
}

/// The text of a value, whatever its type: OpenSSL writes T61String where a name has an underscore, and means Latin-1 by
/// it. `None` for what is no text.
pub fn text(value: &Any<'_>) -> Option<String> {
    let bytes = value.data;
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::NumericString | Tag::Ia5String | Tag::VisibleString => {
            str::from_utf8(bytes).ok().map(str::to_owned)
        }
        Tag::T61String => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units = bytes.chunks(2).map(|unit| <[u8; 2]>::try_from(unit).map(u16::from_be_bytes));
            String::from_utf16(&units.collect::<Result<Vec<_>, _>>().ok()?).ok()
        }
        Tag::UniversalString => {
            let code = |chunk: &[u8]| <[u8; 4]>::try_from(chunk).ok().map(u32::from_be_bytes);
            bytes.chunks(4).map(|chunk| code(chunk).and_then(char::from_u32)).collect()
        }
        _ => None,
    }
}

/// A distinguished name, such as `C=CH, CN=123456`.
pub fn name(name: &X509Name<'_>) -> Printable {
    let value =
        |value: &Any<'_>| text(value).unwrap_or_else(|| value.data.iter().map(|byte| format!("{byte:02X}")).collect());
    let parts = name.iter_rdn().map(|part| {
        let attributes = part
            .iter()
            .map(|attribute| format!("{}={}", identifier(attribute.attr_type()), value(attribute.attr_value())));
        attributes.collect::<Vec<_>>().join(" + ")
    });
    let rest = (!is_whole(name)).then(|| "(the rest is damaged)".to_owned());
    parts.chain(rest).collect::<Vec<_>>().join(", ").into()
}

/// Whether all of a name was read: x509-parser leaves out what comes after the first part that it cannot read, and what
/// follows in a part.
pub fn is_whole(name: &X509Name<'_>) -> bool {
    let count = || {
        // Cut where the parser stopped, it is no element any more.
        let [whole] = elements(name.as_raw())?.try_into().ok()?;
        let mut count = 0;
        for part in elements(whole.data)? {
            for attribute in elements(part.data)? {
                let [_kind, _value] = <[Any<'_>; 2]>::try_from(elements(attribute.data)?).ok()?;
                count += 1;
            }
        }
        Some(count)
    };
    count() == Some(name.iter_attributes().count())
}

/// The elements that DER is made of, without what is in them.
fn elements(mut der: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut elements = Vec::new();
    while !der.is_empty() {
        let (rest, element) = Any::from_der(der).ok()?;
        elements.push(element);
        der = rest;
    }
    Some(elements)
}

/// A name of those that stand in extensions, such as `localhost`, `127.0.0.0/8` or `URI(http://…)`.
pub fn general_name(of: &GeneralName<'_>) -> Printable {
    match of {
        GeneralName::DNSName(name) => (*name).into(),
        GeneralName::IPAddress(bytes) => address(bytes).into(),
        GeneralName::RegisteredID(oid) => format!("RegisteredID({})", DottedOid::of(oid)).into(),
        GeneralName::OtherName(oid, _) => format!("OtherName({})", identifier(oid)).into(),
        GeneralName::DirectoryName(directory) => format!("DirectoryName({})", name(directory)).into(),
        // None of these has an object identifier, which x509-parser might show wrongly.
        other => other.to_string().into(),
    }
}

/// An address, or one and its mask.
fn address(bytes: &[u8]) -> String {
    let ip = |bytes: &[u8]| -> Option<IpAddr> {
        match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            _ => None,
        }
    };
    let with_mask = || {
        let (base, mask) = bytes.split_at(bytes.len() / 2);
        let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
        ip(base).map(|base| format!("{base}/{bits}"))
    };
    let damaged = || format!("(an address of {})", Count::of_len(bytes.len(), "byte"));
    ip(bytes).map(|ip| ip.to_string()).or_else(with_mask).unwrap_or_else(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], dotted: &str, arcs: Option<&[u64]>) {
        let oid = DottedOid(content);
        assert_eq!((oid.to_string().as_str(), oid.arcs().as_deref()), (dotted, arcs));
    }

    #[test]
    fn an_object_identifier_is_shown_with_dots() {
        check(&[0x55, 4, 3], "2.5.4.3", Some(&[2, 5, 4, 3]));
        check(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d], "1.2.840.113549", Some(&[1, 2, 840, 113_549]));
        check(&[0], "0.0", Some(&[0, 0]));
        check(&[39], "0.39", Some(&[0, 39]));
        check(&[40], "1.0", Some(&[1, 0]));
        check(&[79], "1.39", Some(&[1, 39]));
        check(&[80], "2.0", Some(&[2, 0]));
        check(&[127], "2.47", Some(&[2, 47]));
        // X.690, section 8.19.5: the example of the standard.
        check(&[0x88, 0x37, 3], "2.999.3", Some(&[2, 999, 3]));
        check(&[0x81, 0], "2.48", Some(&[2, 48]));
    }

    #[test]
    fn a_number_of_any_size_is_shown_and_one_of_more_than_64_bits_has_no_arcs() {
        let largest = [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        let next = [0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0];
        check(&[&[0x2a], &largest[..]].concat(), "1.2.18446744073709551615", Some(&[1, 2, u64::MAX]));
        check(&[&[0x2a], &next[..]].concat(), "1.2.18446744073709551616", None);
        check(&next, "2.18446744073709551536", None);
        // That of a UUID (X.667), all bits set.
        let uuid = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
        check(&uuid, "2.25.340282366920938463463374607431768211455", None);
    }

    #[test]
    fn a_damaged_identifier_is_shown_as_bytes() {
        check(&[], "(damaged identifier )", None);
        check(&[0x2a, 0x86], "(damaged identifier 2a86)", None);
        check(&[0x2a, 0x80, 1], "(damaged identifier 2a8001)", None);
        assert!(DottedOid(&[0x81; 1000]).to_string().ends_with("…)"));
    }

    #[test]
    fn a_name_that_was_not_read_to_its_end_says_so() {
        let attribute = |tag: u8, text: &[u8]| {
            let value = [&[tag, text.len() as u8], text].concat();
            let content = [b"\x06\x03\x55\x04\x03", &value[..]].concat();
            [&[0x30, content.len() as u8], &content[..]].concat()
        };
        let wrap = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let part = |attributes: &[&[u8]]| wrap(0x31, &attributes.concat());
        let check = |parts: &[Vec<u8>], expected: &str| {
            let der = wrap(0x30, &parts.concat());
            let (_, parsed) = X509Name::from_der(&der).unwrap();
            assert_eq!((name(&parsed).as_str(), is_whole(&parsed)), (expected, !expected.contains("damaged")));
        };
        let (a, b) = (&attribute(12, b"a")[..], &attribute(12, b"b")[..]);
        check(&[], "");
        check(&[part(&[a]), part(&[b])], "CN=a, CN=b");
        check(&[part(&[a, b])], "CN=a + CN=b");
        for damaged in [part(&[]), part(&[b"\x30\x00"]), b"\x31".to_vec(), b"\x04\x01x".to_vec()] {
            check(&[part(&[a]), damaged, part(&[b])], "CN=a, (the rest is damaged)");
        }
        for damaged in [&b"\x05\x00"[..], b"\x30\x03\x06\x01\x55"] {
            check(&[part(&[a, damaged])], "CN=a, (the rest is damaged)");
        }
        // Something behind the value of an attribute.
        let more = wrap(0x30, &[&a[2..], b"\x05\x00"].concat());
        check(&[part(&[&more])], "CN=a, (the rest is damaged)");
    }

    #[test]
    fn text_is_read_in_each_of_its_types() {
        let check = |tag: u8, bytes: &[u8], expected: Option<&str>| {
            let der = [&[tag, u8::try_from(bytes.len()).unwrap()], bytes].concat();
            let (_, value) = Any::from_der(&der).unwrap();
            assert_eq!(text(&value).as_deref(), expected, "{tag}: {}", bytes.escape_ascii());
        };
        check(12, "Zoë".as_bytes(), Some("Zoë"));
        check(12, b"Zo\xeb", None);
        check(19, b"CH", Some("CH"));
        check(20, b"a_b", Some("a_b"));
        check(20, b"Zo\xeb", Some("Zoë"));
        check(22, b"a@b", Some("a@b"));
        check(30, b"\0a\0_\x20\x2e", Some("a_\u{202e}"));
        check(30, b"\0a\0", None);
        check(30, b"\xd8\0", None);
        check(30, b"\xd8\x3c\xdf\x39", Some("\u{1f339}"));
        check(28, b"\0\0\0a\0\x01\xf3\x39", Some("a\u{1f339}"));
        check(28, b"\x7f\xff\xff\xff", None);
        check(4, b"a", None);
    }
}
