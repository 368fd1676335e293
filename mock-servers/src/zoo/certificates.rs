//! How each certificate of the zoo is made: a good one, with one thing changed.

use labnet::Error;
use time::{Date, Duration, Month, OffsetDateTime, Time};

use super::{
    certificate_builder::{CertificateBuilder, Extension, Issuer, dns, ip, usage},
    der::{self, oid, tag},
    issuers::{CA, Chain, Issuers, rsa_public},
};

/// Makes what the server of a name presents.
pub(super) type Make = fn(&Issuers, &str) -> Result<Chain, Error>;

type Made = Result<Chain, Error>;

// Good ones.

pub(super) fn good(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name))
}

pub(super) fn rsa(zoo: &Issuers, name: &str) -> Made {
    zoo.with_key(name, &zoo.rsa)
}

pub(super) fn p384(zoo: &Issuers, name: &str) -> Made {
    zoo.with_key(name, &zoo.p384)
}

pub(super) fn ed25519(zoo: &Issuers, name: &str) -> Made {
    zoo.with_key(name, &zoo.ed25519)
}

pub(super) fn with_intermediate(zoo: &Issuers, name: &str) -> Made {
    let intermediate = zoo.intermediate()?;
    zoo.under(&zoo.server_of(&intermediate, name), &intermediate, &[])
}

/// For the addresses of this machine.
pub(super) fn addresses(zoo: &Issuers, name: &str) -> Made {
    let names = [ip(&[127, 0, 0, 1]), ip(&std::net::Ipv6Addr::LOCALHOST.octets())];
    zoo.alone(&zoo.server(name).with(Extension::names(&names)))
}

pub(super) fn many_names(zoo: &Issuers, name: &str) -> Made {
    // The one that is asked for comes last: a client has to look at all.
    let others = (1..1000).map(|number| dns(format!("{number}.{name}").as_bytes()));
    let names: Vec<_> = others.chain([dns(name.as_bytes())]).collect();
    zoo.alone(&zoo.server(name).with(Extension::names(&names)))
}

pub(super) fn root_included(zoo: &Issuers, name: &str) -> Made {
    let intermediate = zoo.intermediate()?;
    zoo.under(&zoo.server_of(&intermediate, name), &intermediate, &[&zoo.ca])
}

pub(super) fn wrong_order(zoo: &Issuers, name: &str) -> Made {
    let upper = zoo.intermediate()?;
    let lower = zoo.below(&upper, "Socket Lab Zoo Lower CA", |builder| builder)?;
    let server = zoo.server_of(&lower, name).signed(&lower.key)?;
    Ok(zoo.chain(vec![server, upper.certificate, lower.certificate]))
}

pub(super) fn unrelated(zoo: &Issuers, name: &str) -> Made {
    let untrusted = zoo.untrusted_root("Some Other CA")?;
    let server = zoo.server(name).signed(&zoo.ca.key)?;
    Ok(zoo.chain(vec![server, untrusted.certificate]))
}

pub(super) fn unknown_extension(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::new(oid::UNKNOWN, vec![5, 0])))
}

// Time.

pub(super) fn long_lived(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now - Duration::days(3650), zoo.now + Duration::days(10_950)))
}

/// The moment that stands for "no well-defined expiration date".
pub(super) fn no_end(zoo: &Issuers, name: &str) -> Made {
    let last = Date::from_calendar_date(9999, Month::December, 31).map_err(super::certificate_builder::failed)?;
    let last = OffsetDateTime::new_utc(last, Time::from_hms(23, 59, 59).map_err(super::certificate_builder::failed)?);
    zoo.alone(&zoo.server(name).valid(zoo.now - Duration::DAY, last))
}

pub(super) fn generalized_time(zoo: &Issuers, name: &str) -> Made {
    let not_after = der::generalized_time(zoo.now + Duration::days(90));
    zoo.alone(&CertificateBuilder { not_after, ..zoo.server(name) })
}

pub(super) fn expired(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now - Duration::days(90), zoo.now - Duration::DAY))
}

pub(super) fn not_yet_valid(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now + Duration::DAY, zoo.now + Duration::days(90)))
}

pub(super) fn backwards(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now + Duration::DAY, zoo.now - Duration::DAY))
}

pub(super) fn no_seconds(zoo: &Issuers, name: &str) -> Made {
    let minutes: String = der::two_digit_year(zoo.now + Duration::days(90)).chars().take(10).collect();
    zoo.alone(&CertificateBuilder { not_after: der::utc_time(&format!("{minutes}Z")), ..zoo.server(name) })
}

pub(super) fn time_offset(zoo: &Issuers, name: &str) -> Made {
    let text = der::two_digit_year(zoo.now + Duration::days(90));
    zoo.alone(&CertificateBuilder { not_after: der::utc_time(&format!("{text}+0100")), ..zoo.server(name) })
}

// Names.

pub(super) fn other_name(zoo: &Issuers, _: &str) -> Made {
    zoo.alone(&zoo.server("somebody-else.test"))
}

/// A wildcard in place of the first label of the name.
pub(super) fn wildcard(zoo: &Issuers, name: &str) -> Made {
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    zoo.alone(&zoo.server(&format!("*.{parent}")))
}

/// A wildcard in place of the second label of the name, which stands for one label only.
pub(super) fn wildcard_too_deep(zoo: &Issuers, name: &str) -> Made {
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    wildcard(zoo, parent)
}

/// A wildcard before the name itself.
pub(super) fn wildcard_below(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(&format!("*.{name}")))
}

/// A wildcard that is part of a label.
pub(super) fn wildcard_in_label(zoo: &Issuers, name: &str) -> Made {
    let begin: String = name.chars().take(1).collect();
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    zoo.alone(&zoo.server(&format!("{begin}*.{parent}")))
}

/// The server's name is its common name; there is no SAN.
pub(super) fn common_name_only(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).without(oid::SUBJECT_ALT_NAME))
}

pub(super) fn no_name(zoo: &Issuers, name: &str) -> Made {
    let subject = der::name("A server of the zoo");
    zoo.alone(&CertificateBuilder { subject, ..zoo.server(name).without(oid::SUBJECT_ALT_NAME) })
}

pub(super) fn address_instead(zoo: &Issuers, name: &str) -> Made {
    let subject = der::name("A server of the zoo");
    zoo.alone(&CertificateBuilder { subject, ..zoo.server(name).with(Extension::names(&[ip(&[127, 0, 0, 1])])) })
}

pub(super) fn nul_in_name(zoo: &Issuers, name: &str) -> Made {
    let names = Extension::names(&[dns(format!("{name}\0.attacker.test").as_bytes())]);
    zoo.alone(&CertificateBuilder { subject: der::name("A server of the zoo"), ..zoo.server(name).with(names) })
}

/// The name in Unicode, where it should be in its ASCII form.
pub(super) fn unicode_name(zoo: &Issuers, name: &str) -> Made {
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    let names = Extension::names(&[dns(format!("bücher.{parent}").as_bytes())]);
    zoo.alone(&CertificateBuilder { subject: der::name("A server of the zoo"), ..zoo.server(name).with(names) })
}

pub(super) fn empty_subject(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&CertificateBuilder { subject: der::name(""), ..zoo.server(name) })
}

pub(super) fn empty_subject_critical(zoo: &Issuers, name: &str) -> Made {
    let names = Extension::names(&[dns(name.as_bytes())]).critical();
    zoo.alone(&CertificateBuilder { subject: der::name(""), ..zoo.server(name).with(names) })
}

// Who vouches.

pub(super) fn self_signed(zoo: &Issuers, name: &str) -> Made {
    let own = Issuer { name: der::name(name), key: zoo.key.clone(), certificate: Vec::new() };
    let certificate = zoo.server_of(&own, name).signed(&own.key)?;
    Ok(zoo.chain(vec![certificate]))
}

pub(super) fn unknown_root(zoo: &Issuers, name: &str) -> Made {
    let untrusted = zoo.untrusted_root("Some Other CA")?;
    Ok(zoo.chain(vec![zoo.server_of(&untrusted, name).signed(&untrusted.key)?]))
}

pub(super) fn unknown_root_included(zoo: &Issuers, name: &str) -> Made {
    let untrusted = zoo.untrusted_root("Some Other CA")?;
    zoo.under(&zoo.server_of(&untrusted, name), &untrusted, &[])
}

/// Another CA of the same name as the one that is trusted.
pub(super) fn same_name_root(zoo: &Issuers, name: &str) -> Made {
    let namesake = zoo.untrusted_root(CA)?;
    Ok(zoo.chain(vec![zoo.server_of(&namesake, name).signed(&namesake.key)?]))
}

pub(super) fn missing_intermediate(zoo: &Issuers, name: &str) -> Made {
    let intermediate = zoo.intermediate()?;
    Ok(zoo.chain(vec![zoo.server_of(&intermediate, name).signed(&intermediate.key)?]))
}

pub(super) fn ca_as_server(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::ca(None)))
}

pub(super) fn server_last(zoo: &Issuers, name: &str) -> Made {
    let mut chain = with_intermediate(zoo, name)?;
    chain.certificates.reverse();
    Ok(chain)
}

/// One intermediate CA, changed in some way.
fn under(zoo: &Issuers, name: &str, change: impl FnOnce(CertificateBuilder) -> CertificateBuilder) -> Made {
    let intermediate = zoo.below(&zoo.ca, "Socket Lab Zoo Intermediate CA", change)?;
    zoo.under(&zoo.server_of(&intermediate, name), &intermediate, &[])
}

pub(super) fn server_as_ca(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| builder.with(Extension::new(oid::BASIC_CONSTRAINTS, der::sequence(&[])).critical()))
}

pub(super) fn no_basic_constraints(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| builder.without(oid::BASIC_CONSTRAINTS))
}

pub(super) fn ca_may_not_sign(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| builder.with(Extension::usage(usage::DIGITAL_SIGNATURE | usage::CRL_SIGN)))
}

pub(super) fn ca_for_clients(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| builder.with(Extension::purposes(&[oid::CLIENT_AUTH])))
}

pub(super) fn expired_ca(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| builder.valid(zoo.now - Duration::days(90), zoo.now - Duration::DAY))
}

pub(super) fn version_1_ca(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| CertificateBuilder { version: None, ..builder })
}

pub(super) fn path_too_long(zoo: &Issuers, name: &str) -> Made {
    let upper = zoo.below(&zoo.ca, "Socket Lab Zoo Last CA", |builder| builder.with(Extension::ca(Some(0))))?;
    let lower = zoo.below(&upper, "Socket Lab Zoo Lower CA", |builder| builder)?;
    zoo.under(&zoo.server_of(&lower, name), &lower, &[&upper])
}

pub(super) fn path_just_long_enough(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| builder.with(Extension::ca(Some(0))))
}

pub(super) fn permitted(zoo: &Issuers, name: &str) -> Made {
    let permitted = Extension::constraint(0, name);
    under(zoo, name, |builder| builder.with(permitted))
}

pub(super) fn not_permitted(zoo: &Issuers, name: &str) -> Made {
    under(zoo, name, |builder| builder.with(Extension::constraint(0, "elsewhere.test")))
}

pub(super) fn excluded(zoo: &Issuers, name: &str) -> Made {
    let excluded = Extension::constraint(1, name);
    under(zoo, name, |builder| builder.with(excluded))
}

/// So many CAs between the server and the root.
fn deep(zoo: &Issuers, name: &str, cas: usize) -> Made {
    let mut chain = vec![zoo.ca.clone()];
    for number in 1..=cas {
        if let Some(above) = chain.last() {
            let below = zoo.below(above, &format!("Socket Lab Zoo CA {number}"), |builder| builder)?;
            chain.push(below);
        }
    }
    let issuer = chain.pop().unwrap_or_else(|| zoo.ca.clone());
    let above: Vec<_> = chain.iter().skip(1).rev().collect();
    zoo.under(&zoo.server_of(&issuer, name), &issuer, &above)
}

pub(super) fn deep_enough(zoo: &Issuers, name: &str) -> Made {
    deep(zoo, name, 5)
}

pub(super) fn too_deep(zoo: &Issuers, name: &str) -> Made {
    deep(zoo, name, 12)
}

// Signatures and keys.

pub(super) fn bad_signature(zoo: &Issuers, name: &str) -> Made {
    let mut certificate = zoo.server(name).signed(&zoo.ca.key)?;
    // The end of a certificate is the end of its signature.
    if let Some(last) = certificate.last_mut() {
        *last ^= 1;
    }
    Ok(zoo.chain(vec![certificate]))
}

pub(super) fn altered(zoo: &Issuers, name: &str) -> Made {
    let genuine = zoo.server("somebody-else.test");
    let altered = genuine.clone().named(name);
    Ok(zoo.chain(vec![altered.signed_as(&genuine, &zoo.ca.key)?]))
}

pub(super) fn two_algorithms(zoo: &Issuers, name: &str) -> Made {
    let inner = super::certificate_builder::algorithm(oid::ECDSA_WITH_SHA384);
    zoo.alone(&CertificateBuilder { inner, ..zoo.server(name) })
}

/// What an RSA CA is said to have signed. Its private key does not exist, so the signature is noise: a client has to
/// refuse the algorithm before it looks at that.
fn weakly_signed(zoo: &Issuers, name: &str, algorithm: &[u8]) -> Made {
    const OCTETS: usize = 256;
    let public = rsa_public(OCTETS);
    let intermediate =
        zoo.below(&zoo.ca, "Socket Lab Zoo RSA CA", |builder| CertificateBuilder { key: public, ..builder })?;
    let noise: Vec<u8> = (0..OCTETS).map(|_| rand::random::<u8>() & 0x7f).collect();
    let server = zoo.server_of(&intermediate, name).without(oid::AUTHORITY_KEY_ID).claiming(algorithm);
    Ok(zoo.chain(vec![server.with_signature(&noise), intermediate.certificate]))
}

pub(super) fn sha1(zoo: &Issuers, name: &str) -> Made {
    weakly_signed(zoo, name, oid::SHA1_WITH_RSA)
}

pub(super) fn md5(zoo: &Issuers, name: &str) -> Made {
    weakly_signed(zoo, name, oid::MD5_WITH_RSA)
}

/// Nobody has the private half; a client refuses the key before it needs it.
pub(super) fn short_key(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&CertificateBuilder { key: rsa_public(128), ..zoo.server(name) })
}

pub(super) fn other_key(zoo: &Issuers, name: &str) -> Made {
    let mut chain = good(zoo, name)?;
    chain.key = zoo.untrusted_root(CA)?.key;
    Ok(chain)
}

// Purpose.

pub(super) fn no_purpose(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).without(oid::EXTENDED_KEY_USAGE))
}

pub(super) fn for_clients(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::purposes(&[oid::CLIENT_AUTH])))
}

pub(super) fn for_code(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::purposes(&[oid::CODE_SIGNING])))
}

pub(super) fn for_any(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::purposes(&[oid::ANY_PURPOSE])))
}

pub(super) fn for_encryption(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::usage(usage::KEY_ENCIPHERMENT)))
}

pub(super) fn no_usage(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).without(oid::KEY_USAGE))
}

// Form.

fn with_serial(zoo: &Issuers, name: &str, serial: &[u8]) -> Made {
    zoo.alone(&CertificateBuilder { serial: serial.to_vec(), ..zoo.server(name) })
}

pub(super) fn serial_zero(zoo: &Issuers, name: &str) -> Made {
    with_serial(zoo, name, &[0])
}

pub(super) fn serial_negative(zoo: &Issuers, name: &str) -> Made {
    with_serial(zoo, name, &[0x80, 1])
}

pub(super) fn serial_long(zoo: &Issuers, name: &str) -> Made {
    with_serial(zoo, name, &[0x11; 21])
}

pub(super) fn version_1(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&CertificateBuilder { version: None, ..zoo.server(name) })
}

pub(super) fn critical_extension(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::new(oid::UNKNOWN, vec![5, 0]).critical()))
}

pub(super) fn twice_the_extension(zoo: &Issuers, name: &str) -> Made {
    zoo.alone(&zoo.server(name).and(Extension::purposes(&[oid::SERVER_AUTH])))
}

pub(super) fn trailing_bytes(zoo: &Issuers, name: &str) -> Made {
    let mut certificate = zoo.server(name).signed(&zoo.ca.key)?;
    certificate.extend_from_slice(b"garbage");
    Ok(zoo.chain(vec![certificate]))
}

pub(super) fn truncated(zoo: &Issuers, name: &str) -> Made {
    let mut certificate = zoo.server(name).signed(&zoo.ca.key)?;
    certificate.truncate(certificate.len() / 2);
    Ok(zoo.chain(vec![certificate]))
}

/// A length in more octets than it needs: BER, not DER.
pub(super) fn long_form_length(zoo: &Issuers, name: &str) -> Made {
    let critical = [tag::BOOLEAN, 0x81, 1, 0xff];
    let value = der::tlv(tag::OCTET_STRING, &der::sequence(&[]));
    let extension = der::sequence(&[&der::tlv(tag::OID, oid::BASIC_CONSTRAINTS), &critical, &value]);
    zoo.alone(&zoo.server(name).without(oid::BASIC_CONSTRAINTS).raw(extension))
}

pub(super) fn empty_certificate(zoo: &Issuers, _: &str) -> Made {
    Ok(zoo.chain(vec![Vec::new()]))
}

pub(super) fn no_certificate(zoo: &Issuers, _: &str) -> Made {
    Ok(zoo.chain(Vec::new()))
}
