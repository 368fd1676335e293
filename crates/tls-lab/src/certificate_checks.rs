//! What a certificate must be besides what rustls-webpki checks: rules of RFC 5280 and the Baseline Requirements that
//! browsers hold servers to.

use labnet::{
    error::MIN_RSA_BITS,
    tls::{CertificateFault, KeySize},
};
use rustls::pki_types::ServerName;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

/// The longest serial number, in octets (RFC 5280, section 4.1.2.2).
const MAX_SERIAL_LEN: usize = 20;

/// Checks the certificate of a server, whose chain was verified; as to its name, if that is asked for.
///
/// # Errors
/// [`CertificateFault`].
pub fn leaf(certificate: &[u8], name: Option<&ServerName<'_>>) -> Result<(), CertificateFault> {
    let Ok((rest, certificate)) = X509Certificate::from_der(certificate) else {
        return Err(CertificateFault::from("has a damaged certificate"));
    };
    if !rest.is_empty() {
        return Err(CertificateFault::from("has a certificate with something behind its end"));
    }
    let judged = [key, serial, extensions, usage, subject].into_iter().try_for_each(|check| check(&certificate));
    judged.and_then(|()| name.map_or(Ok(()), |name| wildcard(&certificate, name)))
}

/// Checks a certificate of an unknown issuer: whether it is self-signed.
///
/// # Errors
/// [`CertificateFault`].
pub fn self_signed(certificate: &[u8]) -> Result<(), CertificateFault> {
    match X509Certificate::from_der(certificate) {
        Ok((_, certificate)) if certificate.subject() == certificate.issuer() => Err(CertificateFault::from(
            "has a certificate that it signed itself: no CA that is trusted here vouches for it",
        )),
        _ => Ok(()),
    }
}

/// The handshake was signed with another key than the certificate's.
pub fn foreign_key() -> CertificateFault {
    CertificateFault::from("signed the handshake with another key than that of its certificate: it has no right to it")
}

/// A certificate without a subject must hold clients to its SAN (RFC 5280, section 4.1.2.6).
fn subject(certificate: &X509Certificate<'_>) -> Result<(), CertificateFault> {
    let san = certificate.subject_alternative_name().ok().flatten();
    if certificate.subject().iter().next().is_none() && san.is_some_and(|san| !san.critical) {
        return Err("has a certificate without a subject, whose SAN should then be critical, and is not".into());
    }
    Ok(())
}

fn key(certificate: &X509Certificate<'_>) -> Result<(), CertificateFault> {
    match KeySize::of(certificate.public_key()) {
        Some(KeySize::Rsa(bits)) if bits < MIN_RSA_BITS => Err(CertificateFault(format!(
            "has a certificate for a weak key: RSA with {bits} bits, and {MIN_RSA_BITS} are the least"
        ))),
        _ => Ok(()),
    }
}

fn serial(certificate: &X509Certificate<'_>) -> Result<(), CertificateFault> {
    let serial = certificate.raw_serial();
    let digits = serial.iter().skip_while(|byte| **byte == 0).count();
    let complaint = match serial.first() {
        Some(first) if first & 0x80 != 0 => "negative",
        _ if digits == 0 => "zero",
        _ if serial.len() > MAX_SERIAL_LEN => "longer than 20 bytes",
        _ => return Ok(()),
    };
    Err(CertificateFault(format!(
        "has a certificate whose serial number is {complaint} (RFC 5280 wants a positive one of at most 20 bytes)"
    )))
}

fn extensions(certificate: &X509Certificate<'_>) -> Result<(), CertificateFault> {
    match certificate.extensions_map() {
        Ok(_) => Ok(()),
        Err(_) => Err("has a certificate in which an extension appears twice".into()),
    }
}

fn usage(certificate: &X509Certificate<'_>) -> Result<(), CertificateFault> {
    for extension in certificate.extensions() {
        if let ParsedExtension::KeyUsage(usage) = extension.parsed_extension()
            && !usage.digital_signature()
        {
            return Err("has a certificate whose key may not sign (key usage without digital signature), and TLS 1.3 \
                        servers sign the handshake"
                .into());
        }
    }
    Ok(())
}

/// A wildcard for a whole top-level domain would be good for everybody's servers (Baseline Requirements, section 3.2.2.6).
fn wildcard(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> Result<(), CertificateFault> {
    let ServerName::DnsName(name) = name else { return Ok(()) };
    let name = name.as_ref().to_ascii_lowercase();
    let Ok(Some(san)) = certificate.subject_alternative_name() else { return Ok(()) };
    let all: Vec<String> = san
        .value
        .general_names
        .iter()
        .filter_map(|presented| match presented {
            GeneralName::DNSName(presented) => Some(presented.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let too_wide = |presented: &str| presented.strip_prefix("*.").is_some_and(|base| !base.contains('.'));
    let covers = |presented: &str| {
        presented == name
            || presented
                .strip_prefix('*')
                .is_some_and(|base| name.split_once('.').is_some_and(|(_, rest)| base == format!(".{rest}")))
    };
    let good = all.iter().any(|presented| covers(presented) && !too_wide(presented));
    match all.iter().find(|presented| covers(presented) && too_wide(presented)) {
        Some(presented) if !good => Err(CertificateFault(format!(
            "was to be {name}, but its certificate is for {presented}, a whole top-level domain, which no CA may certify"
        ))),
        _ => Ok(()),
    }
}
