//! How each certificate of the zoo is made: a good one, with one thing changed.

use labnet::Error;
use time::{Date, Duration, Month, OffsetDateTime, Time};

use super::{
    der::{self, oid, tag},
    draft::{Draft, Extension, Issuer, dns, ip, usage},
    keeper::{CA, Chain, Keeper, rsa_public},
};

/// Makes what the server of a name shows.
pub(super) type Make = fn(&Keeper, &str) -> Result<Chain, Error>;

type Made = Result<Chain, Error>;

// Good ones.

pub(super) fn good(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name))
}

pub(super) fn rsa(zoo: &Keeper, name: &str) -> Made {
    zoo.with_key(name, &zoo.rsa)
}

pub(super) fn p384(zoo: &Keeper, name: &str) -> Made {
    zoo.with_key(name, &zoo.p384)
}

pub(super) fn ed25519(zoo: &Keeper, name: &str) -> Made {
    zoo.with_key(name, &zoo.ed25519)
}

pub(super) fn with_intermediate(zoo: &Keeper, name: &str) -> Made {
    let intermediate = zoo.intermediate()?;
    zoo.under(&zoo.server_of(&intermediate, name), &intermediate, &[])
}

/// For the addresses of this machine.
pub(super) fn addresses(zoo: &Keeper, name: &str) -> Made {
    let names = [ip(&[127, 0, 0, 1]), ip(&std::net::Ipv6Addr::LOCALHOST.octets())];
    zoo.alone(&zoo.server(name).with(Extension::names(&names)))
}

pub(super) fn many_names(zoo: &Keeper, name: &str) -> Made {
    // The one that is asked for comes last: a client has to look at all.
    let others = (1..1000).map(|number| dns(format!("{number}.{name}").as_bytes()));
    let names: Vec<_> = others.chain([dns(name.as_bytes())]).collect();
    zoo.alone(&zoo.server(name).with(Extension::names(&names)))
}

pub(super) fn root_included(zoo: &Keeper, name: &str) -> Made {
    let intermediate = zoo.intermediate()?;
    zoo.under(&zoo.server_of(&intermediate, name), &intermediate, &[&zoo.ca])
}

pub(super) fn wrong_order(zoo: &Keeper, name: &str) -> Made {
    let upper = zoo.intermediate()?;
    let lower = zoo.below(&upper, "Socket Lab Zoo Lower CA", |draft| draft)?;
    let server = zoo.server_of(&lower, name).signed(&lower.key)?;
    Ok(zoo.chain(vec![server, upper.certificate, lower.certificate]))
}

pub(super) fn unrelated(zoo: &Keeper, name: &str) -> Made {
    let stranger = zoo.stranger("Some Other CA")?;
    let server = zoo.server(name).signed(&zoo.ca.key)?;
    Ok(zoo.chain(vec![server, stranger.certificate]))
}

pub(super) fn unknown_extension(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::new(oid::UNKNOWN, vec![5, 0])))
}

// Time.

pub(super) fn long_lived(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now - Duration::days(3650), zoo.now + Duration::days(10_950)))
}

/// The moment that stands for "no well-defined expiration date".
pub(super) fn no_end(zoo: &Keeper, name: &str) -> Made {
    let last = Date::from_calendar_date(9999, Month::December, 31).map_err(super::draft::failed)?;
    let last = OffsetDateTime::new_utc(last, Time::from_hms(23, 59, 59).map_err(super::draft::failed)?);
    zoo.alone(&zoo.server(name).valid(zoo.now - Duration::DAY, last))
}

pub(super) fn generalized_time(zoo: &Keeper, name: &str) -> Made {
    let not_after = der::generalized_time(zoo.now + Duration::days(90));
    zoo.alone(&Draft { not_after, ..zoo.server(name) })
}

pub(super) fn expired(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now - Duration::days(90), zoo.now - Duration::DAY))
}

pub(super) fn not_yet_valid(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now + Duration::DAY, zoo.now + Duration::days(90)))
}

pub(super) fn backwards(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).valid(zoo.now + Duration::DAY, zoo.now - Duration::DAY))
}

pub(super) fn no_seconds(zoo: &Keeper, name: &str) -> Made {
    let minutes: String = der::two_digit_year(zoo.now + Duration::days(90)).chars().take(10).collect();
    zoo.alone(&Draft { not_after: der::utc_time(&format!("{minutes}Z")), ..zoo.server(name) })
}

pub(super) fn time_offset(zoo: &Keeper, name: &str) -> Made {
    let text = der::two_digit_year(zoo.now + Duration::days(90));
    zoo.alone(&Draft { not_after: der::utc_time(&format!("{text}+0100")), ..zoo.server(name) })
}

// Names.

pub(super) fn other_name(zoo: &Keeper, _: &str) -> Made {
    zoo.alone(&zoo.server("somebody-else.test"))
}

/// A wildcard in place of the first label of the name.
pub(super) fn wildcard(zoo: &Keeper, name: &str) -> Made {
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    zoo.alone(&zoo.server(&format!("*.{parent}")))
}

/// A wildcard in place of the second label of the name, which stands for one label only.
pub(super) fn wildcard_too_deep(zoo: &Keeper, name: &str) -> Made {
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    wildcard(zoo, parent)
}

/// A wildcard before the name itself.
pub(super) fn wildcard_below(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(&format!("*.{name}")))
}

/// A wildcard that is part of a label.
pub(super) fn wildcard_in_label(zoo: &Keeper, name: &str) -> Made {
    let begin: String = name.chars().take(1).collect();
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    zoo.alone(&zoo.server(&format!("{begin}*.{parent}")))
}

/// The server's name is its common name; there is no SAN.
pub(super) fn common_name_only(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).without(oid::SUBJECT_ALT_NAME))
}

pub(super) fn no_name(zoo: &Keeper, name: &str) -> Made {
    let subject = der::name("A server of the zoo");
    zoo.alone(&Draft { subject, ..zoo.server(name).without(oid::SUBJECT_ALT_NAME) })
}

pub(super) fn address_instead(zoo: &Keeper, name: &str) -> Made {
    let subject = der::name("A server of the zoo");
    zoo.alone(&Draft { subject, ..zoo.server(name).with(Extension::names(&[ip(&[127, 0, 0, 1])])) })
}

pub(super) fn nul_in_name(zoo: &Keeper, name: &str) -> Made {
    let names = Extension::names(&[dns(format!("{name}\0.attacker.test").as_bytes())]);
    zoo.alone(&Draft { subject: der::name("A server of the zoo"), ..zoo.server(name).with(names) })
}

/// The name in Unicode, where it should be in its ASCII form.
pub(super) fn unicode_name(zoo: &Keeper, name: &str) -> Made {
    let parent = name.split_once('.').map_or(name, |(_, parent)| parent);
    let names = Extension::names(&[dns(format!("bücher.{parent}").as_bytes())]);
    zoo.alone(&Draft { subject: der::name("A server of the zoo"), ..zoo.server(name).with(names) })
}

pub(super) fn empty_subject(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&Draft { subject: der::name(""), ..zoo.server(name) })
}

pub(super) fn empty_subject_critical(zoo: &Keeper, name: &str) -> Made {
    let names = Extension::names(&[dns(name.as_bytes())]).critical();
    zoo.alone(&Draft { subject: der::name(""), ..zoo.server(name).with(names) })
}

// Who vouches.

pub(super) fn self_signed(zoo: &Keeper, name: &str) -> Made {
    let own = Issuer { name: der::name(name), key: zoo.key.clone(), certificate: Vec::new() };
    let certificate = zoo.server_of(&own, name).signed(&own.key)?;
    Ok(zoo.chain(vec![certificate]))
}

pub(super) fn unknown_root(zoo: &Keeper, name: &str) -> Made {
    let stranger = zoo.stranger("Some Other CA")?;
    Ok(zoo.chain(vec![zoo.server_of(&stranger, name).signed(&stranger.key)?]))
}

pub(super) fn unknown_root_included(zoo: &Keeper, name: &str) -> Made {
    let stranger = zoo.stranger("Some Other CA")?;
    zoo.under(&zoo.server_of(&stranger, name), &stranger, &[])
}

/// Another CA of the same name as the one that is trusted.
pub(super) fn same_name_root(zoo: &Keeper, name: &str) -> Made {
    let impostor = zoo.stranger(CA)?;
    Ok(zoo.chain(vec![zoo.server_of(&impostor, name).signed(&impostor.key)?]))
}

pub(super) fn missing_intermediate(zoo: &Keeper, name: &str) -> Made {
    let intermediate = zoo.intermediate()?;
    Ok(zoo.chain(vec![zoo.server_of(&intermediate, name).signed(&intermediate.key)?]))
}

pub(super) fn ca_as_server(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::ca(None)))
}

pub(super) fn server_last(zoo: &Keeper, name: &str) -> Made {
    let mut chain = with_intermediate(zoo, name)?;
    chain.certificates.reverse();
    Ok(chain)
}

/// One intermediate CA, changed in some way.
fn under(zoo: &Keeper, name: &str, change: impl FnOnce(Draft) -> Draft) -> Made {
    let intermediate = zoo.below(&zoo.ca, "Socket Lab Zoo Intermediate CA", change)?;
    zoo.under(&zoo.server_of(&intermediate, name), &intermediate, &[])
}

pub(super) fn server_as_ca(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| draft.with(Extension::new(oid::BASIC_CONSTRAINTS, der::sequence(&[])).critical()))
}

pub(super) fn no_basic_constraints(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| draft.without(oid::BASIC_CONSTRAINTS))
}

pub(super) fn ca_may_not_sign(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| draft.with(Extension::usage(usage::DIGITAL_SIGNATURE | usage::CRL_SIGN)))
}

pub(super) fn ca_for_clients(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| draft.with(Extension::purposes(&[oid::CLIENT_AUTH])))
}

pub(super) fn expired_ca(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| draft.valid(zoo.now - Duration::days(90), zoo.now - Duration::DAY))
}

pub(super) fn version_1_ca(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| Draft { version: None, ..draft })
}

pub(super) fn path_too_long(zoo: &Keeper, name: &str) -> Made {
    let upper = zoo.below(&zoo.ca, "Socket Lab Zoo Last CA", |draft| draft.with(Extension::ca(Some(0))))?;
    let lower = zoo.below(&upper, "Socket Lab Zoo Lower CA", |draft| draft)?;
    zoo.under(&zoo.server_of(&lower, name), &lower, &[&upper])
}

pub(super) fn path_just_long_enough(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| draft.with(Extension::ca(Some(0))))
}

pub(super) fn permitted(zoo: &Keeper, name: &str) -> Made {
    let permitted = Extension::constraint(0, name);
    under(zoo, name, |draft| draft.with(permitted))
}

pub(super) fn not_permitted(zoo: &Keeper, name: &str) -> Made {
    under(zoo, name, |draft| draft.with(Extension::constraint(0, "elsewhere.test")))
}

pub(super) fn excluded(zoo: &Keeper, name: &str) -> Made {
    let excluded = Extension::constraint(1, name);
    under(zoo, name, |draft| draft.with(excluded))
}

/// So many CAs between the server and the root.
fn deep(zoo: &Keeper, name: &str, cas: usize) -> Made {
    let mut chain = vec![zoo.ca.clone()];
    for number in 1..=cas {
        if let Some(above) = chain.last() {
            let below = zoo.below(above, &format!("Socket Lab Zoo CA {number}"), |draft| draft)?;
            chain.push(below);
        }
    }
    let issuer = chain.pop().unwrap_or_else(|| zoo.ca.clone());
    let above: Vec<_> = chain.iter().skip(1).rev().collect();
    zoo.under(&zoo.server_of(&issuer, name), &issuer, &above)
}

pub(super) fn deep_enough(zoo: &Keeper, name: &str) -> Made {
    deep(zoo, name, 5)
}

pub(super) fn too_deep(zoo: &Keeper, name: &str) -> Made {
    deep(zoo, name, 12)
}

// Signatures and keys.

pub(super) fn bad_signature(zoo: &Keeper, name: &str) -> Made {
    let mut certificate = zoo.server(name).signed(&zoo.ca.key)?;
    // The end of a certificate is the end of its signature.
    if let Some(last) = certificate.last_mut() {
        *last ^= 1;
    }
    Ok(zoo.chain(vec![certificate]))
}

pub(super) fn altered(zoo: &Keeper, name: &str) -> Made {
    let genuine = zoo.server("somebody-else.test");
    let altered = genuine.clone().named(name);
    Ok(zoo.chain(vec![altered.signed_as(&genuine, &zoo.ca.key)?]))
}

pub(super) fn two_algorithms(zoo: &Keeper, name: &str) -> Made {
    let inner = super::draft::algorithm(oid::ECDSA_WITH_SHA384);
    zoo.alone(&Draft { inner, ..zoo.server(name) })
}

/// What an RSA CA is said to have signed. Its private key does not exist, so the signature is noise: a client has to
/// refuse the algorithm before it looks at that.
fn weakly_signed(zoo: &Keeper, name: &str, algorithm: &[u8]) -> Made {
    const OCTETS: usize = 256;
    let public = rsa_public(OCTETS);
    let intermediate = zoo.below(&zoo.ca, "Socket Lab Zoo RSA CA", |draft| Draft { key: public, ..draft })?;
    let noise: Vec<u8> = (0..OCTETS).map(|_| rand::random::<u8>() & 0x7f).collect();
    let server = zoo.server_of(&intermediate, name).without(oid::AUTHORITY_KEY_ID).claiming(algorithm);
    Ok(zoo.chain(vec![server.with_signature(&noise), intermediate.certificate]))
}

pub(super) fn sha1(zoo: &Keeper, name: &str) -> Made {
    weakly_signed(zoo, name, oid::SHA1_WITH_RSA)
}

pub(super) fn md5(zoo: &Keeper, name: &str) -> Made {
    weakly_signed(zoo, name, oid::MD5_WITH_RSA)
}

/// Nobody has the private half; a client refuses the key before it needs it.
pub(super) fn short_key(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&Draft { key: rsa_public(128), ..zoo.server(name) })
}

pub(super) fn other_key(zoo: &Keeper, name: &str) -> Made {
    let mut chain = good(zoo, name)?;
    chain.key = zoo.stranger(CA)?.key;
    Ok(chain)
}

// Purpose.

pub(super) fn no_purpose(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).without(oid::EXTENDED_KEY_USAGE))
}

pub(super) fn for_clients(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::purposes(&[oid::CLIENT_AUTH])))
}

pub(super) fn for_code(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::purposes(&[oid::CODE_SIGNING])))
}

pub(super) fn for_any(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::purposes(&[oid::ANY_PURPOSE])))
}

pub(super) fn for_encryption(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::usage(usage::KEY_ENCIPHERMENT)))
}

pub(super) fn no_usage(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).without(oid::KEY_USAGE))
}

// Form.

fn with_serial(zoo: &Keeper, name: &str, serial: &[u8]) -> Made {
    zoo.alone(&Draft { serial: serial.to_vec(), ..zoo.server(name) })
}

pub(super) fn serial_zero(zoo: &Keeper, name: &str) -> Made {
    with_serial(zoo, name, &[0])
}

pub(super) fn serial_negative(zoo: &Keeper, name: &str) -> Made {
    with_serial(zoo, name, &[0x80, 1])
}

pub(super) fn serial_long(zoo: &Keeper, name: &str) -> Made {
    with_serial(zoo, name, &[0x11; 21])
}

pub(super) fn version_1(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&Draft { version: None, ..zoo.server(name) })
}

pub(super) fn critical_extension(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).with(Extension::new(oid::UNKNOWN, vec![5, 0]).critical()))
}

pub(super) fn twice_the_extension(zoo: &Keeper, name: &str) -> Made {
    zoo.alone(&zoo.server(name).and(Extension::purposes(&[oid::SERVER_AUTH])))
}

pub(super) fn trailing_bytes(zoo: &Keeper, name: &str) -> Made {
    let mut certificate = zoo.server(name).signed(&zoo.ca.key)?;
    certificate.extend_from_slice(b"garbage");
    Ok(zoo.chain(vec![certificate]))
}

pub(super) fn truncated(zoo: &Keeper, name: &str) -> Made {
    let mut certificate = zoo.server(name).signed(&zoo.ca.key)?;
    certificate.truncate(certificate.len() / 2);
    Ok(zoo.chain(vec![certificate]))
}

/// A length in more octets than it needs: BER, not DER.
pub(super) fn long_form_length(zoo: &Keeper, name: &str) -> Made {
    let critical = [tag::BOOLEAN, 0x81, 1, 0xff];
    let value = der::tlv(tag::OCTET_STRING, &der::sequence(&[]));
    let extension = der::sequence(&[&der::tlv(tag::OID, oid::BASIC_CONSTRAINTS), &critical, &value]);
    zoo.alone(&zoo.server(name).without(oid::BASIC_CONSTRAINTS).raw(extension))
}

pub(super) fn empty_certificate(zoo: &Keeper, _: &str) -> Made {
    Ok(zoo.chain(vec![Vec::new()]))
}

pub(super) fn no_certificate(zoo: &Keeper, _: &str) -> Made {
    Ok(zoo.chain(Vec::new()))
}
