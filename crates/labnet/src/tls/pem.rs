//! The blocks of a PEM file (RFC 7468), as the many programs that write such files really write them.
//!
//! ```text
//! leading text, such as that of `openssl x509 -text`
//! -----BEGIN LABEL-----
//! base64, in lines of any length
//! -----END LABEL----------BEGIN LABEL-----     two files that were joined where the first ended without a newline
//! ```
//!
//! What begins as a block is read or refused, never passed over: a chain that has lost a certificate fails later, far
//! from its cause.

use rustls_pemfile::Item;

use super::damage;
use crate::count::Count;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// A block, decoded.
#[derive(Debug, PartialEq)]
pub(super) enum Block {
    /// A certificate, a request, a key, or another structure that has a name there.
    Known(Item),
    /// A private key under a passphrase.
    EncryptedKey,
    /// Anything else.
    Other,
}

/// What a block holds, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Certificate,
    /// OpenSSL's, which has something about its use behind the certificate.
    TrustedCertificate,
    Request,
    Key,
    EncryptedKey,
    Other,
}

impl Kind {
    fn of(label: &str) -> Self {
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => Self::Certificate,
            "TRUSTED CERTIFICATE" => Self::TrustedCertificate,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::Request,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Self::Key,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Certificate | Self::TrustedCertificate => "certificate",
            Self::Request => "certificate request",
            Self::Key | Self::EncryptedKey => "private key",
            Self::Other => "PEM block",
        }
    }
}

/// The blocks of a text, in their order.
///
/// # Errors
/// What is wrong with one of them, as the end of a sentence about the file.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((is_end, after)) = next_marker(rest) {
        let next = ordinal(names.len() + 1);
        if is_end {
            return Err(format!("has an END line without the BEGIN line of its {next} PEM block"));
        }
        let (label, after) = after
            .split_once(DASHES)
            .filter(|(label, _)| !label.contains(['\n', '\r']))
            .ok_or_else(|| format!("has a damaged BEGIN line of its {next} PEM block"))?;
        let kind = Kind::of(label);
        names.push(kind.name());
        let which = which(&names, after.contains(&format!("{BEGIN}{label}{DASHES}")));
        let (body, tail) = after.split_at(after.find(DASHES).unwrap_or(after.len()));
        rest = tail
            .strip_prefix(END)
            .and_then(|tail| tail.strip_prefix(label)?.strip_prefix(DASHES))
            .ok_or_else(|| format!("{which} is cut short: it has no line {END}{label}{DASHES}"))?;
        blocks.push(decode(kind, label, body).map_err(|complaint| format!("{which} {complaint}"))?);
    }
    Ok(blocks)
}

/// Whether the next line that begins or ends a block ends one, and what follows the marker. Amid other text a marker is
/// none.
fn next_marker(text: &str) -> Option<(bool, &str)> {
    text.match_indices(DASHES).find_map(|(at, _)| {
        let (before, from) = text.split_at(at);
        let starts_line = before.rsplit(['\n', '\r']).next().is_some_and(|line| line.trim().is_empty());
        let marker = from.strip_prefix(BEGIN).map(|after| (false, after));
        marker.or_else(|| Some((true, from.strip_prefix(END)?))).filter(|_| starts_line)
    })
}

/// `its second certificate`; `its certificate` where there is one only.
fn which(names: &[&str], more_follow: bool) -> String {
    let name = names.last().copied().unwrap_or_default();
    match names.iter().filter(|other| **other == name).count() {
        1 if !more_follow => format!("its {name}"),
        number => format!("its {} {name}", ordinal(number)),
    }
}

fn ordinal(number: usize) -> String {
    const WORDS: [&str; 10] =
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    number.checked_sub(1).and_then(|at| WORDS.get(at)).map_or_else(|| format!("{number}th"), |word| (*word).to_owned())
}

fn decode(kind: Kind, label: &str, body: &str) -> Result<Block, String> {
    // Headers of RFC 1421, which OpenSSL still writes for keys under a passphrase.
    let is_header = |line: &&str| line.contains(':');
    if kind == Kind::EncryptedKey || body.lines().filter(is_header).any(|line| line.contains("ENCRYPTED")) {
        return Ok(Block::EncryptedKey);
    }
    let label = match kind {
        Kind::Certificate | Kind::TrustedCertificate => "CERTIFICATE",
        Kind::Request => "CERTIFICATE REQUEST",
        _ => label,
    };
    let lines = body.lines().filter(|line| !is_header(line)).flat_map(str::split_whitespace);
    let mut text = format!("{BEGIN}{label}{DASHES}\n");
    lines.for_each(|line| text.extend([line, "\n"]));
    text.extend([END, label, DASHES, "\n"]);
    match rustls_pemfile::read_one_from_slice(text.as_bytes()) {
        Ok(Some((Item::X509Certificate(der), _))) => {
            let len = whole(kind, &der, kind == Kind::TrustedCertificate, damage::first)?;
            let own = der.get(..len).unwrap_or_default().to_vec();
            Ok(Block::Known(Item::X509Certificate(own.into())))
        }
        Ok(Some((item, _))) => {
            match &item {
                Item::Csr(der) => whole(kind, der, false, damage::first)?,
                Item::Pkcs1Key(der) => whole(kind, der.secret_pkcs1_der(), false, damage::first)?,
                Item::Pkcs8Key(der) => whole(kind, der.secret_pkcs8_der(), false, damage::first_in_pkcs8)?,
                Item::Sec1Key(der) => whole(kind, der.secret_sec1_der(), false, damage::first)?,
                _ => 0,
            };
            Ok(Block::Known(item))
        }
        // What nobody asked for may be in any form.
        Ok(None) | Err(_) if kind == Kind::Other => Ok(Block::Other),
        Ok(None) | Err(_) => Err("is damaged: it is no base64 that can be read".to_owned()),
    }
}

/// The length of a structure that is whole, whatever it says.
fn whole(kind: Kind, der: &[u8], more_may_follow: bool, damage: fn(&[u8]) -> Option<usize>) -> Result<usize, String> {
    let has = der.len();
    let name = kind.name();
    let len = der_len(der).ok_or_else(|| format!("is damaged: it is no {name}"))?;
    let own = der.get(..len).ok_or_else(|| format!("is cut short: it has {has} of {len} bytes"))?;
    match damage(own) {
        Some(at) => Err(format!("is damaged at byte {at} of the {len} that it has in DER")),
        None if has > len && !more_may_follow => {
            Err(format!("has something behind it: {}", Count::of_len(has - len, "byte")))
        }
        None => Ok(len),
    }
}

/// The length of a SEQUENCE in DER, its header included; `None` for anything else.
pub(super) fn der_len(der: &[u8]) -> Option<usize> {
    let (header, content) = der_header(der)?;
    header.checked_add(content)
}

/// What is in a SEQUENCE in DER, as far as it is there.
pub(super) fn der_content(der: &[u8]) -> Option<&[u8]> {
    der.get(der_header(der)?.0..)
}

/// The lengths of a SEQUENCE's header and content (X.690, section 8.1.3).
fn der_header(der: &[u8]) -> Option<(usize, usize)> {
    /// A SEQUENCE.
    const TAG: u8 = 0x30;
    /// Of a length whose digits follow: it is their number.
    const LONG: u8 = 0x80;
    let [TAG, first, rest @ ..] = der else { return None };
    if first & LONG == 0 {
        return Some((2, usize::from(*first)));
    }
    // Four are enough for any file that is read.
    let digits = rest.get(..usize::from(first & !LONG)).filter(|digits| (1..=4).contains(&digits.len()))?;
    let len = digits.iter().fold(0, |len: u32, digit| len << 8 | u32::from(*digit));
    Some((2 + digits.len(), usize::try_from(len).ok()?))
}

#[cfg(test)]
mod tests;
