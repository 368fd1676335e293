//! The names that a certificate can vouch for: DNS names and IP addresses.

use std::{fmt, net::IpAddr, str::FromStr};

use labnet::Error;
use rcgen::SanType;
use x509_parser::extensions::{GeneralName, NameConstraints};

/// The longest DNS name, in characters (RFC 1035, section 2.3.4).
const MAX_DNS_LEN: usize = 253;

/// The longest label of one.
const MAX_LABEL_LEN: usize = 63;

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A DNS name in lower case, perhaps with `*` as its first label, never for all of a top-level domain.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl Name {
    /// What a certificate is for when nobody says: this machine, and the two parties of the secure channel.
    pub fn defaults(subject: &str) -> Vec<Self> {
        let loopback =
            [Self::Dns("localhost".to_owned()), Self::Ip([127, 0, 0, 1].into()), Self::Ip(IPV6_LOOPBACK.into())];
        let party = ["server", "client"].contains(&subject).then(|| Self::Dns(subject.to_owned()));
        party.into_iter().chain(loopback).collect()
    }

    /// Whether it lies within `other`, as RFC 5280, section 4.2.1.10 has it: a domain holds itself and all below it.
    fn is_within(&self, domain: &str) -> bool {
        match self {
            Self::Dns(name) => {
                let above = name.strip_suffix(domain.trim_start_matches('.'));
                domain.is_empty() || above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Ip(_) => false,
        }
    }

    /// Whether a CA with these constraints may vouch for it.
    pub(crate) fn is_permitted_by(&self, constraints: &NameConstraints<'_>) -> bool {
        let matches = |base: &GeneralName<'_>| match (self, base) {
            (Self::Dns(_), GeneralName::DNSName(domain)) => self.is_within(domain),
            (Self::Ip(ip), GeneralName::IPAddress(subnet)) => is_in_subnet(*ip, subnet),
            _ => false,
        };
        let same_kind = |base: &GeneralName<'_>| {
            matches!((self, base), (Self::Dns(_), GeneralName::DNSName(_)) | (Self::Ip(_), GeneralName::IPAddress(_)))
        };
        let permitted = constraints.permitted_subtrees.as_deref().unwrap_or_default();
        let excluded = constraints.excluded_subtrees.as_deref().unwrap_or_default();
        let unrestricted = !permitted.iter().any(|subtree| same_kind(&subtree.base));
        (unrestricted || permitted.iter().any(|subtree| matches(&subtree.base)))
            && !excluded.iter().any(|subtree| matches(&subtree.base))
    }

    pub(crate) fn to_san(&self) -> Result<SanType, Error> {
        match self {
            Self::Dns(name) => {
                let text = name.as_str().try_into();
                text.map(SanType::DnsName).map_err(|_| Error::Usage(format!("'{name}' is no DNS name")))
            }
            Self::Ip(ip) => Ok(SanType::IpAddress(*ip)),
        }
    }
}

const IPV6_LOOPBACK: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// An address and a mask of the same length (RFC 5280, section 4.2.1.10).
fn is_in_subnet(ip: IpAddr, subnet: &[u8]) -> bool {
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let Some((address, mask)) = subnet.split_at_checked(bytes.len()) else { return false };
    mask.len() == bytes.len()
        && bytes.iter().zip(address).zip(mask).all(|((ip, address), mask)| ip & mask == address & mask)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let name = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=MAX_LABEL_LEN).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let (labels, least) = name.strip_prefix("*.").map_or((name.as_str(), 1), |labels| (labels, 2));
        let enough = labels.split('.').count() >= least;
        if name.len() <= MAX_DNS_LEN && enough && labels.split('.').all(is_label) {
            return Ok(Self::Dns(name));
        }
        Err(Error::Usage(format!("'{text}' is neither a DNS name (letters outside ASCII as xn--…) nor an IP address")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_dns_name_or_an_address() {
        for (text, expected) in
            [("LocalHost", "localhost"), ("*.lab.test", "*.lab.test"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")]
        {
            assert_eq!(text.parse::<Name>().unwrap().to_string(), expected);
        }
        let long = format!("{}.test", "a".repeat(64));
        for wrong in [
            "",
            ".",
            "a..b",
            "-a.test",
            "a-.test",
            "*",
            "a.*.test",
            "**.test",
            "a b",
            "r\u{f6}mer.test",
            "a\0.test",
            &long,
        ] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_domain_holds_itself_and_all_below_it() {
        let within = |name: &str, domain| name.parse::<Name>().unwrap().is_within(domain);
        assert!(within("test", "test") && within("a.b.test", "test") && within("*.a.test", "test"));
        assert!(!within("latest", "test") && !within("test.com", "test"));
        assert!(is_in_subnet([127, 9, 9, 9].into(), &[127, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_in_subnet([128, 0, 0, 1].into(), &[127, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_in_subnet([127, 0, 0, 1].into(), &[0; 32]));
    }
}
