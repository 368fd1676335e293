//! The handshake messages after the hellos, field by field (sections 4.3 to 4.6; RFC 5246, section 7.4).

use labnet::tls;
use tls_parser::{TlsCipherKx, TlsCipherSuite};
use x509_parser::{parse_x509_certificate, prelude::FromDer, x509::X509Name};

use super::{
    details::{Details, bytes, hex, list},
    extensions::{self, Place, unreadable},
    hellos::TLS13,
    names,
    reader::{Reader, items, u16s, vec16s},
};

/// How many certificates of a chain are told (ours): real ones have two to four.
const MAX_CHAIN: usize = 16;

/// What the hellos agreed on: the same message has another form in another version, or with another key exchange.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Agreed {
    pub(super) version: Option<u16>,
    pub(super) suite: Option<u16>,
}

impl Agreed {
    pub(super) fn is_tls13(self) -> bool {
        self.version == Some(TLS13)
    }

    fn is_ecdhe(self) -> bool {
        self.suite.and_then(TlsCipherSuite::from_id).is_some_and(|suite| suite.kx == TlsCipherKx::Ecdhe)
    }
}

/// The fields of a message.
pub(super) fn read(kind: u8, body: &[u8], agreed: Agreed) -> Details {
    let mut reader = Reader::new(body);
    let read = fields(kind, &mut reader, agreed).filter(|_| reader.is_empty());
    read.unwrap_or_else(|| {
        let mut details = Details::default();
        details.add("content", unreadable(body));
        details
    })
}

/// What a server's message says of the key exchange: the group, and the scheme of its signature.
pub(super) fn key_exchange(kind: u8, body: &[u8], agreed: Agreed) -> (Option<u16>, Option<u16>) {
    let mut reader = Reader::new(body);
    match kind {
        12 if agreed.is_ecdhe() => {
            let group = named_curve(&mut reader);
            let scheme = group.and_then(|_| reader.vec8().and_then(|_| reader.u16()));
            (group, scheme)
        }
        15 => (None, reader.u16()),
        _ => (None, None),
    }
}

fn fields(kind: u8, reader: &mut Reader<'_>, agreed: Agreed) -> Option<Details> {
    let mut details = Details::default();
    match kind {
        4 if agreed.is_tls13() => ticket13(&mut details, reader)?,
        4 => ticket12(&mut details, reader)?,
        8 => extensions::add(&mut details, Place::Other, reader.vec16()?),
        11 => certificates(&mut details, reader, agreed)?,
        12 if agreed.is_ecdhe() => server_key_exchange(&mut details, reader)?,
        13 if agreed.is_tls13() => certificate_request13(&mut details, reader)?,
        13 => certificate_request12(&mut details, reader)?,
        15 => signature(&mut details, reader)?,
        16 if agreed.is_ecdhe() => details.add("public key", bytes(reader.vec8()?.len())),
        20 => details.add("verify data", hex(reader.rest())),
        22 => {
            details.add("status type", if reader.u8()? == 1 { "OCSP" } else { "unknown" });
            details.add("response", bytes(reader.vec24()?.len()));
        }
        24 => details.add("update requested", reader.u8()? == 1),
        _ => opaque(&mut details, reader),
    }
    Some(details)
}

/// Without its fields.
fn opaque(details: &mut Details, reader: &mut Reader<'_>) {
    let rest = reader.rest();
    if !rest.is_empty() {
        details.add("content", hex(rest));
    }
}

/// NewSessionTicket of TLS 1.3 (section 4.6.1).
fn ticket13(details: &mut Details, reader: &mut Reader<'_>) -> Option<()> {
    details.add("lifetime", format!("{} s", reader.u32()?));
    details.add("age add", format!("0x{:08x}", reader.u32()?));
    details.add("nonce", hex(reader.vec8()?));
    details.add("ticket", bytes(reader.vec16()?.len()));
    extensions::add(details, Place::Other, reader.vec16()?);
    Some(())
}

/// NewSessionTicket of TLS 1.2 (RFC 5077, section 3.3).
fn ticket12(details: &mut Details, reader: &mut Reader<'_>) -> Option<()> {
    details.add("lifetime hint", format!("{} s", reader.u32()?));
    details.add("ticket", bytes(reader.vec16()?.len()));
    Some(())
}

/// The chain: in TLS 1.3 with a context, and extensions after each certificate (section 4.4.2); RFC 5246, section 7.4.2.
fn certificates(details: &mut Details, reader: &mut Reader<'_>, agreed: Agreed) -> Option<()> {
    if agreed.is_tls13() {
        let context = reader.vec8()?;
        if !context.is_empty() {
            details.add("context", hex(context));
        }
    }
    let chain = items(reader.vec24()?, |reader| {
        let certificate = reader.vec24()?;
        Some((certificate, if agreed.is_tls13() { reader.vec16()? } else { &[] }))
    })?;
    details.add("certificates", chain.len());
    for (number, (der, data)) in (1..).zip(chain.into_iter().take(MAX_CHAIN)) {
        certificate(details, number, der);
        if !data.is_empty() {
            extensions::add(details, Place::Other, data);
        }
    }
    Some(())
}

fn certificate(details: &mut Details, number: usize, der: &[u8]) {
    let field = |what| format!("certificate {number}, {what}");
    match parse_x509_certificate(der) {
        Ok((_, certificate)) => {
            details.add(field("subject"), name(certificate.subject()));
            details.add(field("issuer"), name(certificate.issuer()));
            details.add(field("length"), bytes(der.len()));
        }
        Err(_) => details.add(format!("certificate {number}"), unreadable(der)),
    }
}

/// A distinguished name in DER.
pub(super) fn distinguished_name(der: &[u8]) -> String {
    X509Name::from_der(der).map_or_else(|_| unreadable(der), |(_, parsed)| name(&parsed))
}

fn name(name: &X509Name<'_>) -> String {
    let shown = tls::name(name).to_string();
    if shown.is_empty() { "(empty)".to_owned() } else { shown }
}

/// The curve at the beginning of a ServerKeyExchange (RFC 8422, section 5.4).
fn named_curve(reader: &mut Reader<'_>) -> Option<u16> {
    /// `named_curve`, the only type in use.
    const NAMED_CURVE: u8 = 3;
    (reader.u8()? == NAMED_CURVE).then(|| reader.u16()).flatten()
}

/// ServerKeyExchange with a named curve, signed (RFC 8422, section 5.4).
fn server_key_exchange(details: &mut Details, reader: &mut Reader<'_>) -> Option<()> {
    details.add("group", names::group(named_curve(reader)?));
    details.add("public key", bytes(reader.vec8()?.len()));
    signature(details, reader)
}

/// A signature and how it was made (section 4.4.3).
fn signature(details: &mut Details, reader: &mut Reader<'_>) -> Option<()> {
    details.add("signature scheme", names::scheme(reader.u16()?));
    details.add("signature", bytes(reader.vec16()?.len()));
    Some(())
}

/// CertificateRequest of TLS 1.3 (section 4.3.2).
fn certificate_request13(details: &mut Details, reader: &mut Reader<'_>) -> Option<()> {
    let context = reader.vec8()?;
    if !context.is_empty() {
        details.add("context", hex(context));
    }
    extensions::add(details, Place::Other, reader.vec16()?);
    Some(())
}

/// CertificateRequest of TLS 1.2 (RFC 5246, section 7.4.4).
fn certificate_request12(details: &mut Details, reader: &mut Reader<'_>) -> Option<()> {
    details.add("certificate types", list(reader.vec8()?.iter().map(|kind| names::certificate_type(*kind))));
    details.add("signature schemes", list(u16s(reader.vec16()?)?.into_iter().map(names::scheme)));
    details.add("authorities", list(vec16s(reader.vec16()?)?.into_iter().map(distinguished_name)));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: u8, body: &[u8], version: u16, expected: &[(&str, &str)]) {
        let agreed = Agreed { version: Some(version), suite: Some(0xc02f) };
        let found = read(kind, body, agreed).into_inner();
        let found: Vec<(&str, &str)> = found.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_ticket_has_another_form_in_each_version() {
        check(4, &[0, 0, 1, 0, 0, 2, 7, 7], 0x0303, &[("lifetime hint", "256 s"), ("ticket", "2 bytes")]);
        let expected = [("lifetime", "256 s"), ("age add", "0x00000009"), ("nonce", "01"), ("ticket", "2 bytes")];
        let expected = [&expected[..], &[("extensions", "none")]].concat();
        check(4, &[0, 0, 1, 0, 0, 0, 0, 9, 1, 1, 0, 2, 7, 7, 0, 0], 0x0304, &expected);
    }

    #[test]
    fn a_message_that_cannot_be_read_is_shown() {
        check(15, &[8, 4, 0, 2, 7], 0x0304, &[("content", "cannot be read: 0804000207")]);
        check(24, &[1, 1], 0x0304, &[("content", "cannot be read: 0101")]);
        check(11, &[0, 0, 4, 0, 0, 1, 7], 0x0303, &[("certificates", "1"), ("certificate 1", "cannot be read: 07")]);
    }

    #[test]
    fn an_elliptic_key_exchange_names_its_group() {
        let expected = [("group", "x25519"), ("public key", "1 byte"), ("signature scheme", "rsa_pss_rsae_sha256")];
        let expected = [&expected[..], &[("signature", "2 bytes")]].concat();
        check(12, &[3, 0, 29, 1, 9, 8, 4, 0, 2, 7, 7], 0x0303, &expected);
        check(16, &[1, 9], 0x0303, &[("public key", "1 byte")]);
    }

    #[test]
    fn a_chain_may_be_empty() {
        check(11, &[0, 0, 0, 0], 0x0304, &[("certificates", "0")]);
        check(11, &[0, 0, 0], 0x0303, &[("certificates", "0")]);
        check(14, &[], 0x0303, &[]);
    }
}
