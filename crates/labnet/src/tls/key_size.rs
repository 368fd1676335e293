//! How large a public key is: x509-parser counts whole bytes, which makes 528 bits of P-521.

use x509_parser::{
    der_parser::asn1_rs::{Oid, oid},
    public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

/// The curves whose size is no whole number of bytes (RFC 5480, section 2.1.1.1; RFC 3279, section 2.3.5), in bits.
static CURVES: [(Oid<'static>, usize); 9] = [
    (oid!(1.3.132.0.35), 521),
    (oid!(1.3.132.0.1), 163),
    (oid!(1.3.132.0.15), 163),
    (oid!(1.3.132.0.26), 233),
    (oid!(1.3.132.0.27), 233),
    (oid!(1.3.132.0.16), 283),
    (oid!(1.3.132.0.17), 283),
    (oid!(1.3.132.0.36), 409),
    (oid!(1.3.132.0.37), 409),
];

/// The size of a public key, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySize {
    /// Of an RSA key: the length of its modulus.
    Rsa(usize),
    /// Of a key on an elliptic curve: the length of a coordinate.
    EllipticCurve(usize),
}

impl KeySize {
    /// That of a key; `None` for another kind, and for what cannot be read.
    pub fn of(key: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        match key.parsed().ok()? {
            PublicKey::RSA(rsa) => Some(Self::Rsa(bits(rsa.modulus))),
            PublicKey::EC(point) => {
                let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
                let known = CURVES.iter().find(|(oid, _)| Some(oid) == curve.as_ref());
                Some(Self::EllipticCurve(known.map_or_else(|| point.key_size(), |(_, bits)| *bits)))
            }
            _ => None,
        }
    }
}

/// The length of an unsigned number, big end first, in bits.
pub(super) fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    digits.first().map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_that_is_set_counts() {
        for (number, expected) in
            [(&b""[..], 0), (b"\0\0", 0), (b"\x01", 1), (b"\0\x80\0", 16), (b"\x7f\xff", 15), (b"\0\0\0\x01\0", 9)]
        {
            assert_eq!(bits(number), expected, "{number:?}");
        }
    }
}
