//! The certificates of CAs, trusted or between: what OpenSSL refuses, tls-client refuses, each for its reason.
//!
//! webpki knows of a trusted CA its name and its key alone. These are kinds of cases that x509-limbo found.

use std::{fs, path::PathBuf};

use lab_process::Outcome;
use lab_test::{Listening, check_failed, finish, lacks, start};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

use crate::{
    CLIENT, SERVER,
    middle::{Ca, get, start_proxy},
};

/// A CA: what its certificate says, and its key.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    /// As it should be, changed in some way.
    fn new(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(&mut params);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    fn self_signed(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    fn signed_by(&self, above: &Self) -> String {
        self.params.signed_by(&self.key, &above.issuer()).unwrap().pem()
    }

    /// A certificate for localhost, and its key.
    fn leaf(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        (params.signed_by(&key, &self.issuer()).unwrap().pem(), key.serialize_pem())
    }
}

/// A server, and those whom its clients trust.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new(roots: &str, (leaf, key): (String, String), intermediates: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [("roots.pem", roots), ("leaf.pem", &leaf), ("between.pem", intermediates), ("key.pem", &key)];
        files.iter().for_each(|(file, text)| fs::write(folder.path().join(file), text).unwrap());
        fs::write(folder.path().join("chain.pem"), leaf.clone() + intermediates).unwrap();
        Self { folder }
    }

    fn path(&self, file: &str) -> String {
        let path: PathBuf = self.folder.path().join(file);
        path.display().to_string()
    }

    fn visit(&self, options: &[&str]) -> Outcome {
        let server = Listening::of(start(SERVER, &[&self.path("chain.pem"), &self.path("key.pem"), "--port", "0"]));
        finish(start(CLIENT, &[&["localhost", &server.port(), "--cafile", &self.path("roots.pem")], options].concat()))
    }

    /// What OpenSSL says of the same chain.
    fn openssl(&self, options: &[&str]) -> Outcome {
        let (roots, between, leaf) = (self.path("roots.pem"), self.path("between.pem"), self.path("leaf.pem"));
        let trusted = ["verify", "-no-CApath", "-purpose", "sslserver", "-CAfile", &roots];
        let is_empty = fs::read(&between).unwrap().is_empty();
        let untrusted: &[&str] = if is_empty { &[] } else { &["-untrusted", &between] };
        finish(start("openssl", &[&trusted, untrusted, options, &[&leaf]].concat()))
    }

    /// What tls-proxy does with that server, and what it says of it.
    fn report_of_proxy(&self, case: &str) -> String {
        let server = Listening::of(start(SERVER, &[&self.path("chain.pem"), &self.path("key.pem"), "--port", "0"]));
        let forged_by = Ca::new();
        let to = format!("--to localhost:{}", server.port());
        let roots = self.folder.path().join("roots.pem");
        let mut proxy = Listening::of(start_proxy(&forged_by.certificate(), &forged_by.key(), &roots, &to));
        let reached = get(proxy.address, "localhost", &forged_by.client(&[]));
        let report = proxy.report(if reached.is_ok() { "the victim is deceived" } else { "refused: " });
        assert!(report.contains("localhost") || reached.is_ok(), "{case}: {report}");
        report
    }

    fn check_accepted(&self, case: &str) {
        let outcome = self.visit(&[]);
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{case}");
    }

    /// The client refuses it in these words, and OpenSSL for the same reason.
    fn check_refused(&self, case: &str, words: &str, strictly: bool, openssls: &str) {
        check_failed(&self.visit(&[]), &self.visit(&[]).stdout(), &[words]);
        // The proxy is a client too.
        let report = self.report_of_proxy(case);
        assert!(report.contains("refused: the real server, ") && report.contains(words), "{case}: {report}");
        assert_eq!(self.visit(&["--no-verify"]).code(), 0, "{case}");
        if !lacks("openssl") {
            let verdict = self.openssl(if strictly { &["-x509_strict"] } else { &[] });
            assert!(verdict.code() != 0 && verdict.stderr().contains(openssls), "{case}: {}", verdict.stderr());
        }
    }
}

/// An extension that nobody knows.
fn unknown_critical() -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    extension.set_criticality(true);
    extension
}

#[test]
fn a_trusted_ca_is_refused_for_what_its_certificate_says() {
    type Change = fn(&mut CertificateParams);
    let cases: [(&str, Change, &str, bool, &str); 8] = [
        ("expired", |ca| ca.not_after = date_time_ymd(2020, 1, 1), "own certificate expired", false, "has expired"),
        (
            "not yet valid",
            |ca| ca.not_before = date_time_ymd(4000, 1, 1),
            "own certificate is not valid yet",
            false,
            "not yet valid",
        ),
        (
            "unknown critical extension",
            |ca| ca.custom_extensions.push(unknown_critical()),
            "critical extension that is not understood here (1.3.6.1.4.1.99999.1)",
            false,
            "unhandled critical extension",
        ),
        ("no subject", |ca| ca.distinguished_name = DistinguishedName::new(), "has no subject", true, "name empty"),
        (
            "key usage without keyCertSign",
            |ca| ca.key_usages = vec![KeyUsagePurpose::CrlSign],
            "does not let it sign (key usage without certificate signing)",
            false,
            "",
        ),
        ("CA:FALSE", |ca| ca.is_ca = IsCa::ExplicitNoCa, "says that it is no CA", false, "invalid CA certificate"),
        (
            "neither basic constraints nor key usage",
            |ca| (ca.is_ca, ca.key_usages) = (IsCa::NoCa, Vec::new()),
            "does not say that it is a CA",
            false,
            "invalid CA certificate",
        ),
        (
            "for clients",
            |ca| ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            "is for another purpose",
            false,
            "purpose",
        ),
    ];
    for (case, change, words, strictly, openssls) in cases {
        let root = Authority::new("Root", change);
        Site::new(&root.self_signed(), root.leaf(), "").check_refused(case, words, strictly, openssls);
    }
    let root = Authority::new("Root", |_| ());
    let site = Site::new(&root.self_signed(), root.leaf(), "");
    site.check_accepted("as it should be");
    assert!(site.report_of_proxy("as it should be").contains("the victim is deceived"));
    let root = Authority::new("Root", |ca| ca.is_ca = IsCa::NoCa);
    Site::new(&root.self_signed(), root.leaf(), "").check_accepted("key usage alone, as OpenSSL has it");
}

#[test]
fn a_ca_that_has_renewed_its_certificate_is_trusted_by_the_new_one() {
    let root = Authority::new("Root", |_| ());
    let mut old = root.params.clone();
    old.not_after = date_time_ymd(2020, 1, 1);
    let old = old.self_signed(&root.key).unwrap().pem();
    for roots in [old.clone() + &root.self_signed(), root.self_signed() + &old] {
        Site::new(&roots, root.leaf(), "").check_accepted("the old one beside the new one");
    }
}

#[test]
fn a_ca_between_is_refused_for_what_its_certificate_says_if_it_is_on_the_path() {
    let root = Authority::new("Root", |_| ());
    let mute = Authority::new("Between", |ca| ca.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let site = Site::new(&root.self_signed(), mute.leaf(), &mute.signed_by(&root));
    site.check_refused("mute", "does not let it sign", false, "");
    // What is sent with a chain and is no part of it does no harm.
    Site::new(&root.self_signed(), root.leaf(), &mute.signed_by(&root)).check_accepted("beside the path");
    let root = Authority::new("Root", |ca| ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let between = Authority::new("Between", |_| ());
    let site = Site::new(&root.self_signed(), between.leaf(), &between.signed_by(&root));
    site.check_refused(
        "path length of the root",
        "longer than its CA allows",
        false,
        "path length constraint exceeded",
    );
}

#[test]
fn a_self_issued_ca_is_followed_or_refused_for_the_true_reason() {
    // A CA has changed its key, and vouches for the new one under its own name.
    let (root, new) = (Authority::new("Root", |_| ()), Authority::new("Root", |_| ()));
    Site::new(&root.self_signed(), new.leaf(), &new.signed_by(&root)).check_accepted("a new key");
    // RFC 5280, section 4.2.1.9 does not count it in the length of a path; webpki does.
    let root = Authority::new("Root", |_| ());
    let last = Authority::new("Last", |ca| ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let renewed = Authority::new("Last", |ca| ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let between = renewed.signed_by(&last) + &last.signed_by(&root);
    let outcome = Site::new(&root.self_signed(), renewed.leaf(), &between).visit(&[]);
    check_failed(&outcome, &outcome.stdout(), &["longer than its CA allows", "self-issued", "RFC 5280 does not count"]);
}

#[test]
fn who_trusts_a_servers_own_certificate_needs_no_ca() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::ExplicitNoCa;
    let pem = params.self_signed(&key).unwrap().pem();
    Site::new(&pem, (pem.clone(), key.serialize_pem()), "").check_accepted("its own root");
}
