//! The certificate and the key that the PMU is started with: those it serves, and those it refuses before it listens.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Command,
    sync::Arc,
};

use lab_process::Program;
use lab_test::{Listening, check_error, finish, lacks, skip, spawn};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use crate::{PMU, TEN};

/// A folder with the files of a CA, and what it has issued: `NAME_cert.pem` and `NAME_key.pem`, for localhost.
struct Files(TempDir);

impl Files {
    fn new(issued: &[(&str, KeyKind)]) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let directory = files.directory();
        directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        for (name, kind) in issued {
            directory.issue(name, *kind, None, &CertificateOptions::default()).unwrap();
        }
        files
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.0.path())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Runs OpenSSL in the folder.
    fn openssl(&self, arguments: &str) -> String {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split_whitespace()).current_dir(self.0.path());
        let outcome = finish(spawn(openssl));
        assert_eq!(outcome.code(), 0, "{}: {}", outcome.command_line, outcome.stderr());
        outcome.stdout()
    }

    fn pmu(&self, port: u16, certificate: &str, key: &str) -> Program {
        let mut pmu = Command::new(PMU);
        pmu.args([&port.to_string(), certificate, key]).current_dir(self.0.path());
        spawn(pmu)
    }

    /// A PMU that listens under a certificate and key.
    fn listening(&self, certificate: &str, key: &str) -> (Program, SocketAddr) {
        let Listening { program, address } = Listening::of(self.pmu(0, certificate, key));
        (program, address)
    }

    /// A client that trusts the folder's CA gets the ten messages, in both versions.
    fn check_served(&self, certificate: &str, key: &str) {
        let (_pmu, address) = self.listening(certificate, key);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("cacert.pem")).unwrap()).unwrap();
        for version in [&TLS13, &TLS12] {
            let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
            let config = config.with_protocol_versions(&[version]).unwrap();
            let config = config.with_root_certificates(roots.clone()).with_no_client_auth();
            let tcp = lab_test::connect(address);
            let tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
            let mut client = StreamOwned::new(tls, tcp);
            client.write_all(b"CMD_short:0").unwrap_or_else(|error| panic!("{certificate}, {key}: {error}"));
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, TEN, "{certificate}, {key}");
        }
    }

    /// The PMU ends with status 1 and one error that has each of `words`, before it looks at its port.
    fn check_refused(&self, certificate: &str, key: &str, words: &[&str]) {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let outcome = finish(self.pmu(taken.local_addr().unwrap().port(), certificate, key));
        check_error(&outcome, 1, words);
    }
}

/// The label of the PEM block that a key is in.
fn label(key: &str) -> &str {
    key.lines()
        .rfind(|line| line.starts_with("-----END "))
        .unwrap()
        .trim_start_matches("-----END ")
        .trim_end_matches('-')
}

// What is served.

#[test]
fn keys_of_the_ca_directory_are_served() {
    let files = Files::new(&[("rsa", KeyKind::Rsa2048), ("p256", KeyKind::P256)]);
    files.check_served("rsa_cert.pem", "rsa_key.pem");
    files.check_served("p256_cert.pem", "p256_key.pem");
}

#[test]
fn keys_are_served_in_each_of_openssls_formats() {
    if lacks("openssl") {
        return;
    }
    let files = Files::new(&[]);
    for (name, make, forms) in [
        ("rsa", "genrsa -out rsa_key.pem 2048", &[("rsa -traditional", "RSA PRIVATE KEY")][..]),
        ("rsa3072", "genrsa -out rsa3072_key.pem 3072", &[]),
        ("p256", "ecparam -name prime256v1 -genkey -noout -out p256_key.pem", &[("ec", "EC PRIVATE KEY")]),
        ("p384", "ecparam -name secp384r1 -genkey -noout -out p384_key.pem", &[("ec", "EC PRIVATE KEY")]),
    ] {
        files.openssl(make);
        files.directory().issue(name, KeyKind::P256, None, &CertificateOptions::default()).unwrap();
        let pkcs8 = [("pkcs8 -topk8 -nocrypt", "PRIVATE KEY")];
        for (convert, expected) in forms.iter().chain(&pkcs8) {
            files.openssl(&format!("{convert} -in {name}_key.pem -out key.pem"));
            assert_eq!(label(&files.read("key.pem")), *expected, "{convert}");
            files.check_served(&format!("{name}_cert.pem"), "key.pem");
        }
    }
}

#[test]
fn what_stands_around_the_pem_blocks_does_not_matter() {
    let files = Files::new(&[("p256", KeyKind::P256)]);
    let (certificate, key) = (files.read("p256_cert.pem"), files.read("p256_key.pem"));
    files.write("both.pem", format!("{key}{certificate}"));
    files.check_served("both.pem", "both.pem");
    files.write("cert.pem", format!("Certificate:\n    Data: Zo\u{eb}\n\n{certificate}\n\n"));
    files.write("key.pem", key.replace('\n', "\r\n"));
    files.check_served("cert.pem", "key.pem");
    if !lacks("openssl") {
        // As `openssl ecparam -genkey` writes them: the curve, then the key.
        files.openssl("ecparam -name prime256v1 -genkey -out curve_key.pem");
        assert!(files.read("curve_key.pem").contains("BEGIN EC PARAMETERS"));
        files.openssl("req -new -key curve_key.pem -subj /CN=curve -out curve.csr");
        files.directory().sign(&files.path("curve.csr"), &CertificateOptions::default()).unwrap();
        files.check_served("curve_cert.pem", "curve_key.pem");
    }
}

#[test]
fn a_chain_is_presented_whole() {
    let files = Files::new(&[]);
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let (root_key, middle_key, leaf_key) = (key(), key(), KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let root = ca("Root");
    files.write("cacert.pem", root.self_signed(&root_key).unwrap().pem());
    let root = Issuer::new(root, root_key);
    let middle = ca("In the middle");
    let middle_pem = middle.signed_by(&middle_key, &root).unwrap().pem();
    let middle = Issuer::new(middle, middle_key);
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&leaf_key, &middle).unwrap().pem();
    files.write("key.pem", leaf_key.serialize_pem());
    files.write("chain.pem", format!("{leaf}{middle_pem}"));
    files.check_served("chain.pem", "key.pem");
    // The leaf is the first.
    files.write("chain.pem", format!("{middle_pem}{leaf}"));
    files.check_refused("chain.pem", "key.pem", &["key.pem", "match"]);
}

/// A certificate as the lab's own CA issued them: X.509 version 1, a free-text common name, no extensions.
fn issue_version_1(files: &Files) -> bool {
    if lacks("openssl") {
        return false;
    }
    files.openssl("genrsa -out 123456_key.pem 2048");
    files.openssl("req -new -key 123456_key.pem -subj /C=CH/O=EPFL/CN=Ada_and_Grace -out 123456.csr");
    files.openssl("x509 -req -in 123456.csr -CA cacert.pem -CAkey cakey.pem -set_serial 7 -out 123456_cert.pem");
    let is_version_1 = files.openssl("x509 -in 123456_cert.pem -noout -text").contains("Version: 1 (0x0)");
    if !is_version_1 {
        skip("this openssl makes no certificate of X.509 version 1");
    }
    is_version_1
}

#[test]
fn a_certificate_of_x509_version_1_is_served_to_openssl() {
    let files = Files::new(&[]);
    if !issue_version_1(&files) {
        return;
    }
    let (_pmu, address) = files.listening("123456_cert.pem", "123456_key.pem");
    let ca = files.path("cacert.pem");
    for version in ["-tls1_2", "-tls1_3"] {
        let connect = ["s_client", "-quiet", version, "-connect", &address.to_string()].map(PathBuf::from);
        let verify = [PathBuf::from("-verify_return_error"), PathBuf::from("-CAfile"), ca.clone()];
        let mut openssl = Program::start("openssl", &[&connect[..], &verify].concat()).unwrap();
        openssl.input(b"CMD_short:0\n");
        let outcome = finish(openssl);
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, TEN), "{version}: {}", outcome.stderr());
    }
}

#[test]
fn a_certificate_of_x509_version_1_is_served_to_python() {
    const CLIENT: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.check_hostname = False
with socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=100) as tcp:
    with context.wrap_socket(tcp, suppress_ragged_eofs=False) as pmu:
        pmu.sendall(b'CMD_short:0')
        print(*iter(lambda: pmu.recv(1024).decode(), ''), sep='', end='')
";
    let files = Files::new(&[]);
    if lacks("python3") || !issue_version_1(&files) {
        return;
    }
    let (_pmu, address) = files.listening("123456_cert.pem", "123456_key.pem");
    let (port, ca) = (address.port().to_string(), files.path("cacert.pem").to_str().unwrap().to_owned());
    let outcome = finish(Program::start("python3", &["-c", CLIENT, &port, &ca]).unwrap());
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, TEN), "{}", outcome.stderr());
}

// What is refused.

#[test]
fn a_key_that_does_not_match_is_refused() {
    let files = Files::new(&[
        ("one", KeyKind::P256),
        ("two", KeyKind::P256),
        ("rsa", KeyKind::Rsa2048),
        ("rsb", KeyKind::Rsa2048),
    ]);
    for (certificate, key) in [("one", "two"), ("one", "rsa"), ("rsa", "one"), ("rsa", "rsb")] {
        let (certificate, key) = (format!("{certificate}_cert.pem"), format!("{key}_key.pem"));
        files.check_refused(&certificate, &key, &["match", &certificate, &key]);
    }
}

#[test]
fn an_encrypted_key_is_refused() {
    if lacks("openssl") {
        return;
    }
    let files = Files::new(&[("rsa", KeyKind::Rsa2048), ("p256", KeyKind::P256)]);
    for (name, encrypt, expected) in [
        ("rsa", "pkcs8 -topk8 -passout pass:secret", "ENCRYPTED PRIVATE KEY"),
        ("p256", "pkcs8 -topk8 -passout pass:secret", "ENCRYPTED PRIVATE KEY"),
        ("rsa", "rsa -traditional -aes128 -passout pass:secret", "RSA PRIVATE KEY"),
        ("p256", "ec -aes256 -passout pass:secret", "EC PRIVATE KEY"),
    ] {
        files.openssl(&format!("{encrypt} -in {name}_key.pem -out encrypted.pem"));
        assert_eq!(label(&files.read("encrypted.pem")), expected);
        files.check_refused(
            &format!("{name}_cert.pem"),
            "encrypted.pem",
            &["encrypted.pem", "encrypted", "openssl pkey"],
        );
    }
}

#[test]
fn a_key_of_1024_bits_is_refused_with_the_command_that_makes_a_good_one() {
    if lacks("openssl") {
        return;
    }
    let files = Files::new(&[("p256", KeyKind::P256)]);
    files.openssl("genrsa -out pkcs8.pem 1024");
    files.openssl("rsa -traditional -in pkcs8.pem -out pkcs1.pem");
    files.openssl("req -x509 -new -key pkcs8.pem -subj /CN=123456 -out weak_cert.pem");
    let words = ["1024", "2048", "hint: ", "openssl genrsa", " 2048"];
    for key in ["pkcs8.pem", "pkcs1.pem"] {
        files.check_refused("weak_cert.pem", key, &[&[key], &words[..]].concat());
        files.check_refused("p256_cert.pem", key, &[&[key], &words[..]].concat());
    }
    files.openssl("genrsa -out pkcs8.pem 2040");
    files.check_refused("weak_cert.pem", "pkcs8.pem", &["2040", "2048"]);
    // The hint is for every size that is too small.
    for bits in ["512", "768", "1536", "2047"] {
        files.openssl(&format!("genrsa -out pkcs8.pem {bits}"));
        files.check_refused("p256_cert.pem", "pkcs8.pem", &[&["pkcs8.pem", bits], &words[1..]].concat());
    }
}

#[test]
fn a_key_of_another_kind_is_refused_by_what_was_expected() {
    if lacks("openssl") {
        return;
    }
    let files = Files::new(&[("p256", KeyKind::P256)]);
    files.openssl("ecparam -name secp256k1 -genkey -noout -out key.pem");
    files.check_refused("p256_cert.pem", "key.pem", &["key.pem", "RSA", "P-256", "P-384"]);
    files.openssl("pkey -in p256_key.pem -pubout -out public.pem");
    files.check_refused("p256_cert.pem", "public.pem", &["public.pem", "PRIVATE KEY"]);
}

#[test]
fn a_missing_or_unreadable_file_is_named() {
    let files = Files::new(&[("p256", KeyKind::P256)]);
    fs::create_dir(files.path("folder")).unwrap();
    for wrong in ["missing.pem", "folder", "p256_key.pem/below"] {
        files.check_refused(wrong, "p256_key.pem", &["cannot read ", wrong]);
        files.check_refused("p256_cert.pem", wrong, &["cannot read ", wrong]);
    }
}

#[test]
fn an_empty_or_wrong_file_is_named_with_what_it_holds() {
    let files = Files::new(&[("p256", KeyKind::P256)]);
    let (certificate, key) = (files.read("p256_cert.pem"), files.read("p256_key.pem"));
    for (text, what) in [
        (String::new(), "is empty"),
        ("\n".to_owned(), "no PEM block"),
        ("This is no PEM file.\n".to_owned(), "no PEM block"),
        ("\0\u{1}\u{2}".repeat(1000), "no PEM block"),
        ("-----BEGIN CERTIFICATE-----\n".to_owned(), "its certificate is cut short"),
        ("-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n".to_owned(), "its private key is damaged"),
        (files.read("p256.csr"), "a certificate request"),
        ("x".repeat(2 << 20), "too long"),
    ] {
        files.write("wrong.pem", text);
        files.check_refused("wrong.pem", "p256_key.pem", &["error: wrong.pem", what]);
        files.check_refused("p256_cert.pem", "wrong.pem", &["error: wrong.pem", what]);
    }
    files.check_refused(
        "p256_key.pem",
        "p256_cert.pem",
        &["error: p256_key.pem", "a private key", "BEGIN CERTIFICATE"],
    );
    files.check_refused("p256_cert.pem", "p256_cert.pem", &["error: p256_cert.pem", "a certificate", "PRIVATE KEY"]);
    files.check_refused("p256_key.pem", "p256_key.pem", &["error: p256_key.pem", "a private key"]);
    // What a PEM block holds may be damaged, too.
    for (file, text, other) in [("cert.pem", &certificate, "p256_key.pem"), ("key.pem", &key, "p256_cert.pem")] {
        let lines: Vec<_> = text.lines().collect();
        for damaged in
            [[&lines[..1], &lines[2..]].concat(), [&lines[..1], &["AAAA"], &lines[lines.len() - 1..]].concat()]
        {
            files.write(file, damaged.join("\n"));
            let (certificate, key) = if file == "cert.pem" { (file, other) } else { (other, file) };
            files.check_refused(certificate, key, &[file, "its ", " is "]);
        }
    }
}

#[test]
fn a_damaged_key_is_called_damaged_and_where() {
    let files = Files::new(&[("p256", KeyKind::P256), ("rsa", KeyKind::Rsa2048)]);
    for (name, at, damage) in [
        // A digit in the middle: all is where it was.
        ("rsa", 700, "is damaged: it has the form of an RSA key, but its numbers do not belong together"),
        ("p256", 90, "is damaged: it has the form of an EC key, but its numbers do not belong together"),
        // One in the lengths at the start.
        ("rsa", 60, "its private key is damaged at byte "),
        ("p256", 38, "its private key is damaged at byte "),
    ] {
        let mut text = files.read(&format!("{name}_key.pem"));
        let other = if text[at..].starts_with('x') { "y" } else { "x" };
        text.replace_range(at..=at, other);
        files.write("damaged.pem", text);
        files.check_refused(&format!("{name}_cert.pem"), "damaged.pem", &["error: damaged.pem: ", damage]);
    }
}
