//! Cipher suites by their two names, and how strong they are.

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its number in the registry of IANA.
    pub number: u16,
    /// Its name there.
    pub iana: &'static str,
    /// What OpenSSL calls it.
    pub openssl: &'static str,
    /// The length of its encryption keys, in bits.
    pub bits: u16,
}

const fn suite(number: u16, iana: &'static str, openssl: &'static str, bits: u16) -> Suite {
    Suite { number, iana, openssl, bits }
}

/// Those that our own programs can speak, in the order in which they offer them.
const SUITES: [Suite; 9] = [
    suite(0x1302, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", 256),
    suite(0x1301, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", 128),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", 256),
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", 256),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", 128),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", 256),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", 256),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", 128),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", 256),
];

/// The suite with a number; `None` for one that our programs cannot speak.
pub fn find(number: u16) -> Option<Suite> {
    SUITES.into_iter().find(|suite| suite.number == number)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_suite_that_is_offered_has_its_names() {
        for suite in &labnet::tls::provider().cipher_suites {
            assert!(super::find(suite.suite().into()).is_some(), "{:?}", suite.suite());
        }
    }
}
