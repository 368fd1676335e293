//! The CA as its users meet it: the program `ttp`, the library `CaDirectory`, and what OpenSSL makes of their files.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use lab_process::{Outcome, Program};
use labnet::{
    Error,
    tls::{self, Credentials, Roots, TlsRole},
};
use rcgen::{CertificateParams, Issuer, KeyPair, SanType, date_time_ymd};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    pem::parse_x509_pem,
};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const DAY: i64 = 24 * 3600;

/// The names of a certificate when nobody says.
const DEFAULTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A folder to work in; that of the CA is `certs` in it, as it is by default.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a CA, whose key is of the kind that is quickly made.
    fn with_ca() -> Self {
        let place = Self::new();
        place.done("init --key p-256");
        place
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.path("certs"))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(file), text).unwrap();
    }

    /// The CA's files and what they hold.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.path("certs")) else { return BTreeMap::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.path());
        Program::spawn(command).unwrap()
    }

    fn ttp(&self, arguments: &str) -> Outcome {
        finish(self.start(env!("CARGO_BIN_EXE_ttp"), &words(arguments)))
    }

    /// A task that succeeds without a word on stderr: its answer.
    fn done(&self, arguments: &str) -> String {
        let outcome = self.ttp(arguments);
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{}", outcome.command_line);
        outcome.stdout()
    }

    /// A task that ends with `code`, one error with each of `expected`, and every file as it was before.
    fn refused(&self, arguments: &str, code: i32, expected: &[&str]) {
        let before = self.files();
        let outcome = self.ttp(arguments);
        check_error(&outcome, code, expected);
        assert!(self.files() == before, "{arguments}: {:?} became {:?}", before.keys(), self.files().keys());
    }

    fn openssl(&self, arguments: &str) -> Outcome {
        finish(self.start("openssl", &words(arguments)))
    }

    fn openssl_does(&self, arguments: &str) -> String {
        let outcome = self.openssl(arguments);
        assert_eq!(outcome.code(), 0, "{}: {}", outcome.command_line, outcome.stderr());
        outcome.stdout()
    }

    /// OpenSSL's verdict on a certificate, held against the strictest of its rules.
    fn openssl_verifies(&self, options: &str, file: &str) -> bool {
        let outcome = self.openssl(&format!("verify -x509_strict -CAfile certs/cacert.pem {options} {file}"));
        let is_ok = outcome.code() == 0;
        assert_eq!(is_ok, outcome.stdout() == format!("{file}: OK\n"), "{}", outcome.stderr());
        is_ok
    }

    /// What a certificate says of something.
    fn certificate<T>(&self, file: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let (_, pem) = parse_x509_pem(self.read(file).as_bytes()).unwrap();
        look(&pem.parse_x509().unwrap())
    }

    /// A certificate of this CA, from which `change` takes what `ttp` itself always grants.
    fn issue(&self, file: &str, change: impl FnOnce(&mut CertificateParams)) {
        let ca_key = KeyPair::from_pem(&self.read("certs/cakey.pem")).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&self.read("certs/cacert.pem"), ca_key).unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        self.write(file, params.signed_by(&key, &issuer).unwrap().pem());
        self.write(&file.replace("_cert.pem", "_key.pem"), key.serialize_pem());
    }

    /// Whether a certificate is one of the CA, for localhost, and its key the one beside it.
    fn vouches_for(&self, name: &str) -> Result<(), Error> {
        let directory = self.directory();
        let roots = Roots::load(&directory.ca_certificate())?;
        tls::verify_file(&directory.certificate(name), &roots, TlsRole::Server, Some("localhost"))?;
        Credentials::load(&directory.certificate(name), &directory.key(name)).map(drop)
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn finish(program: Program) -> Outcome {
    program.finish(PATIENCE).unwrap_or_else(|failure| panic!("{failure}"))
}

fn check_error(outcome: &Outcome, code: i32, expected: &[&str]) {
    let (command_line, stderr) = (&outcome.command_line, outcome.stderr());
    assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{command_line}: {stderr}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{command_line}: {stderr}");
    for word in expected {
        assert!(stderr.contains(word), "{command_line}: no '{word}' in {stderr}");
    }
}

/// Whether the test cannot be made for want of OpenSSL; then it says so.
fn lacks_openssl() -> bool {
    let lacks = Program::start("openssl", &["version"]).and_then(|openssl| openssl.finish(PATIENCE)).is_err();
    if lacks {
        let test = thread::current().name().unwrap_or_default().to_owned();
        io::stderr().write_all(format!("skipped: {test}: no openssl here\n").as_bytes()).unwrap();
    }
    lacks
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let san = certificate.subject_alternative_name().unwrap().unwrap();
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(ip) if ip.len() == 4 => {
            <[u8; 4]>::try_from(*ip).map(std::net::IpAddr::from).unwrap().to_string()
        }
        GeneralName::IPAddress(ip) => <[u8; 16]>::try_from(*ip).map(std::net::IpAddr::from).unwrap().to_string(),
        other => panic!("{other}"),
    };
    san.value.general_names.iter().map(text).collect()
}

fn seconds_valid(certificate: &X509Certificate<'_>) -> i64 {
    certificate.validity().not_after.timestamp() - now()
}

fn now() -> i64 {
    x509_parser::time::ASN1Time::now().timestamp()
}

// Files.

#[test]
fn files_have_the_handouts_names_and_keys_are_for_their_owner_alone() {
    for umask in ["0", "077"] {
        let place = Place::new();
        for (arguments, made) in [
            ("init", "certs/cacert.pem"),
            ("request 123456", "certs/123456.csr"),
            ("sign certs/123456.csr", "certs/123456_cert.pem"),
            ("issue 654321 --key p-256", "certs/654321_cert.pem"),
        ] {
            // A folder that others may write would be refused.
            fs::create_dir_all(place.path("certs")).unwrap();
            let script = format!("umask {umask}; exec \"$0\" {arguments}");
            let outcome = finish(place.start("sh", &["-c", &script, env!("CARGO_BIN_EXE_ttp")]));
            assert_eq!((outcome.stdout(), outcome.stderr()), (format!("{made}\n"), String::new()), "{arguments}");
        }
        let mode = |file: &String| fs::metadata(place.path("certs").join(file)).unwrap().permissions().mode() & 0o7777;
        let modes: Vec<_> = place.files().keys().map(|file| format!("{file} {:o}", mode(file))).collect();
        let expected = [
            "123456.csr 644",
            "123456_cert.pem 644",
            "123456_key.pem 600",
            "654321.csr 644",
            "654321_cert.pem 644",
            "654321_key.pem 600",
            "cacert.pem 644",
            "cakey.pem 600",
        ];
        assert_eq!(modes, expected, "umask {umask}");
    }
}

#[test]
fn dir_names_another_folder_and_a_certificate_lies_beside_its_request() {
    let place = Place::new();
    assert_eq!(place.done("init --key p-256 --dir a/b"), "a/b/cacert.pem\n");
    assert_eq!(place.done("request 123456 --key p-256 --dir elsewhere"), "elsewhere/123456.csr\n");
    assert_eq!(place.done("--dir a/b sign elsewhere/123456.csr"), "elsewhere/123456_cert.pem\n");
    assert_eq!(place.done("verify elsewhere/123456_cert.pem --dir a/b"), "elsewhere/123456_cert.pem: ok\n");
    fs::rename(place.path("elsewhere/123456.csr"), place.path("bare.csr")).unwrap();
    assert!(place.done("--dir a/b sign bare.csr").ends_with("bare_cert.pem\n"));
    assert!(place.path("bare_cert.pem").exists());
}

#[test]
fn nothing_is_overwritten_without_force() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    for (arguments, file) in [
        ("init --key p-256", "certs/cacert.pem"),
        ("request 123456", "certs/123456.csr"),
        ("sign certs/123456.csr", "certs/123456_cert.pem"),
        ("issue 123456", "certs/123456_cert.pem"),
    ] {
        place.refused(arguments, 1, &[&format!("error: {file} exists already\n"), "hint: ", "--force"]);
    }
    fs::remove_file(place.path("certs/cacert.pem")).unwrap();
    place.refused("init --key p-256", 1, &["certs/cakey.pem exists already", "--force"]);
}

#[test]
fn force_replaces_all_but_the_owners_key() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    let before = place.files();
    let changed = |arguments: &str| -> Vec<String> {
        let before = place.files();
        place.done(arguments);
        place.files().into_iter().filter(|file| before.get(&file.0) != Some(&file.1)).map(|file| file.0).collect()
    };
    assert_eq!(changed("init --key p-256 --force"), ["cacert.pem", "cakey.pem"]);
    assert_eq!(changed("issue 123456 --force --san pmu.test"), ["123456.csr", "123456_cert.pem"]);
    assert_eq!(changed("sign certs/123456.csr --force"), ["123456_cert.pem"]);
    assert!(place.files().keys().eq(before.keys()), "{:?}", place.files().keys());
}

#[test]
fn a_request_is_for_the_key_that_is_there_whoever_made_it() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256");
    let key = place.read("certs/123456_key.pem");
    place.done("issue 123456 --key rsa-2048");
    assert_eq!(place.read("certs/123456_key.pem"), key);
    place.vouches_for("123456").unwrap();

    place.write("certs/mine_key.pem", "no key at all");
    place.refused("request mine", 1, &["certs/mine_key.pem", "private key"]);
    if lacks_openssl() {
        return;
    }
    for (id, make) in [
        ("pkcs1", "genrsa -traditional -out"),
        ("pkcs8", "genrsa -out"),
        ("sec1", "ecparam -genkey -noout -name prime256v1 -out"),
        ("p384", "ecparam -genkey -noout -name secp384r1 -out"),
    ] {
        place.openssl_does(&format!("{make} certs/{id}_key.pem"));
        let key = place.read(&format!("certs/{id}_key.pem"));
        place.done(&format!("issue {id}"));
        assert_eq!(place.read(&format!("certs/{id}_key.pem")), key, "{id}");
        place.vouches_for(id).unwrap();
    }
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256");
    place.write("elsewhere.csr", place.read("certs/123456.csr"));
    for mode in [0o777, 0o775, 0o757] {
        fs::set_permissions(place.path("certs"), fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [
            "init --force",
            "request 1 --key p-256",
            "issue 2 --key p-256",
            "sign elsewhere.csr",
            "sign certs/123456.csr",
        ] {
            place.refused(arguments, 1, &["error: certs: ", "others may write", "chmod"]);
        }
        assert!(!place.path("elsewhere_cert.pem").exists());
        assert!(place.directory().ensure(&["localhost"]).is_err());
    }
    fs::set_permissions(place.path("certs"), fs::Permissions::from_mode(0o700)).unwrap();
    place.done("sign elsewhere.csr");
}

#[test]
fn a_device_without_room_gets_no_half_file_and_the_task_works_once_there_is_room() {
    for (prepare, task) in [
        ("", "init --key p-256"),
        ("", "init --key rsa-2048"),
        ("init --key p-256", "request 123456 --key p-256"),
        ("init --key p-256", "issue 123456 --key p-256"),
        ("init --key p-256", "issue 123456 --key rsa-2048"),
    ] {
        // In blocks of 512 bytes: nothing at all, or a key of P-256 but no certificate.
        for room in [0, 1] {
            let place = Place::new();
            if !prepare.is_empty() {
                place.done(prepare);
            }
            let before = place.files();
            let script = format!("trap '' XFSZ; ulimit -f {room}; exec \"$0\" {task}");
            let outcome = finish(place.start("sh", &["-c", &script, env!("CARGO_BIN_EXE_ttp")]));
            if room == 1 && outcome.code() == 0 {
                assert!(task.starts_with("request"), "{task} needs more than 512 bytes");
                continue;
            }
            check_error(&outcome, 1, &["cannot write certs/"]);
            for (file, bytes) in place.files() {
                let text = String::from_utf8(bytes).unwrap();
                let is_whole = text.starts_with("-----BEGIN ") && text.ends_with("-----\n");
                assert!(is_whole || before.contains_key(&file), "{task}, {room}: {file}: {text}");
            }
            place.done(task);
        }
    }
}

#[test]
fn a_name_that_is_no_file_name_is_a_wrong_command_line() {
    let place = Place::with_ca();
    let long = "x".repeat(65);
    for name in ["../x", "a/b", ".x", "..", "a\u{1}b", "a:b", &long] {
        for task in ["request", "issue"] {
            place.refused(&format!("{task} {name} --key p-256"), 2, &["is no name for files"]);
        }
    }
    assert!(!place.path("x_key.pem").exists());
    for name in ["123456", "Zo\u{eb}", "a.b-c_d@e", &"x".repeat(64)] {
        place.done(&format!("issue {name} --key p-256"));
    }
}

#[test]
fn a_wrong_command_line_is_status_2_and_leaves_nothing_behind() {
    let place = Place::with_ca();
    for arguments in [
        "",
        "nonsense",
        "init extra",
        "init --key rsa-1024",
        "init --days 0",
        "init --days 36501",
        "init --country CHE --force",
        "request",
        "request 1 --key dsa",
        "request 1 --key p-256 --country C",
        "request 1 --key p-256 --country 12",
        "issue 1 --key p-256 --country CHE",
        "issue 1 --purpose ca",
        "issue 1 --days x",
        "issue 1 --san",
        "sign",
        "show",
        "verify",
        "verify certs/cacert.pem --purpose any",
    ] {
        place.refused(arguments, 2, &[]);
    }
}

#[test]
fn without_a_ca_there_is_a_hint_how_to_make_one() {
    let place = Place::new();
    place.done("request 123456 --key p-256");
    place.refused("sign certs/123456.csr", 1, &["certs holds no CA", "hint: ", "ttp init"]);
    place.refused("issue 654321 --key p-256", 1, &["certs holds no CA", "hint: ", "ttp init"]);
    place.done("init --key p-256");
    place.done("sign certs/123456.csr");
    fs::remove_file(place.path("certs/cakey.pem")).unwrap();
    place.refused("sign certs/123456.csr --force", 1, &["certs holds no CA", "hint: ", "ttp init"]);
}

#[test]
fn a_ca_whose_key_is_another_signs_nothing() {
    let (place, other) = (Place::with_ca(), Place::with_ca());
    place.done("request 123456 --key p-256");
    place.write("certs/cakey.pem", other.read("certs/cakey.pem"));
    place.refused("sign certs/123456.csr", 1, &["certs/cakey.pem", "match"]);
}

// Certificates.

#[test]
fn openssl_accepts_every_kind_of_certificate_for_its_purpose_and_no_other() {
    let (place, lacks_openssl) = (Place::new(), lacks_openssl());
    for ca_kind in ["rsa-2048", "p-256"] {
        place.done(&format!("init --key {ca_kind} --force"));
        for (purpose, is_server, is_client) in [("server", true, false), ("client", false, true), ("both", true, true)]
        {
            for kind in ["rsa-2048", "p-256"] {
                place.done(&format!("issue {kind} --key {kind} --purpose {purpose} --force"));
                let file = format!("certs/{kind}_cert.pem");
                let case = format!("{kind} for {purpose}, by {ca_kind}");
                for (role, is_granted) in
                    [("server", is_server), ("client", is_client), ("both", is_server && is_client)]
                {
                    let verified = place.ttp(&format!("verify {file} --purpose {role}"));
                    assert_eq!(verified.code() == 0, is_granted, "{case}: {role}: {}", verified.stderr());
                    assert!(is_granted || verified.stderr().contains("another purpose"), "{}", verified.stderr());
                }
                if lacks_openssl {
                    continue;
                }
                assert!(place.openssl_verifies("", &file), "{case}");
                assert_eq!(place.openssl_verifies("-purpose sslserver", &file), is_server, "{case}");
                assert_eq!(place.openssl_verifies("-purpose sslclient", &file), is_client, "{case}");
                assert!(!place.openssl_verifies("-purpose smimesign", &file), "{case}");
            }
        }
    }
}

#[test]
fn the_ca_signs_itself_with_sha_256_and_others_with_sha_384() {
    let place = Place::new();
    place.done("init");
    place.done("issue 123456 --key p-256");
    let algorithm =
        |file| place.certificate(file, |certificate| certificate.signature_algorithm.algorithm.to_id_string());
    assert_eq!(algorithm("certs/cacert.pem"), "1.2.840.113549.1.1.11", "sha256WithRSAEncryption");
    assert_eq!(algorithm("certs/123456_cert.pem"), "1.2.840.113549.1.1.12", "sha384WithRSAEncryption");
    // A key of P-256 goes with SHA-256 (Baseline Requirements, section 7.1.3.2.2).
    place.done("init --key p-256 --force");
    place.done("issue 123456 --force");
    assert_eq!(algorithm("certs/cacert.pem"), "1.2.840.10045.4.3.2", "ecdsa-with-SHA256");
    assert_eq!(algorithm("certs/123456_cert.pem"), "1.2.840.10045.4.3.2", "ecdsa-with-SHA256");
}

#[test]
fn serial_numbers_are_random_long_and_never_the_same() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256");
    let mut serials = BTreeSet::new();
    for _ in 0..50 {
        let issued = place.directory().sign(
            &place.path("certs/123456.csr"),
            &CertificateOptions { force: true, ..CertificateOptions::default() },
        );
        let serial =
            place.certificate(issued.unwrap().path.to_str().unwrap(), |certificate| certificate.raw_serial().to_vec());
        assert!((8..=20).contains(&serial.len()) && serial[0] < 0x80, "{serial:x?}");
        serials.insert(serial);
    }
    assert_eq!(serials.len(), 50);
    // Beyond the first two bits, each of 64 is now 0 and now 1.
    for bit in 2..64 {
        let ones = serials.iter().filter(|serial| serial[bit / 8] >> (7 - bit % 8) & 1 == 1).count();
        assert!((1..50).contains(&ones), "bit {bit} is {}", ones / 50);
    }
}

#[test]
fn a_certificate_is_valid_for_a_year_or_as_told_and_never_beyond_its_ca() {
    let place = Place::new();
    for (ca, leaf, expected) in [
        ("", "", 365),
        ("", "--days 1", 1),
        ("", "--days 36500", 3650),
        ("--days 30", "", 30),
        ("--days 30", "--days 31", 30),
        ("--days 30", "--days 29", 29),
    ] {
        place.done(&format!("init --key p-256 --force {ca}"));
        place.done(&format!("issue 123456 --key p-256 --force {leaf}"));
        let (seconds, until) = place.certificate("certs/123456_cert.pem", |certificate| {
            (seconds_valid(certificate), certificate.validity().not_after.timestamp())
        });
        assert!((expected * DAY - 600..=expected * DAY).contains(&seconds), "{ca}, {leaf}: {seconds}");
        place.certificate("certs/cacert.pem", |ca| {
            assert!(until <= ca.validity().not_after.timestamp());
            assert!(ca.validity().not_before.timestamp() <= now());
        });
        place.done("verify certs/123456_cert.pem");
    }
}

#[test]
fn a_ca_may_sign_but_no_further_ca_and_a_leaf_names_its_issuer() {
    let place = Place::with_ca();
    place.done("init --key p-256 --country fr --force");
    place.done("issue 123456 --country ch");
    let identifier = place.certificate("certs/cacert.pem", |ca| {
        let constraints = ca.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert_eq!(constraints.value.path_len_constraint, Some(0));
        let usage = ca.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
        assert!(!usage.value.digital_signature());
        assert!(ca.name_constraints().unwrap().unwrap().critical);
        assert_eq!(ca.subject().to_string(), "C=FR, CN=Socket Lab CA");
        assert_eq!(ca.subject(), ca.issuer());
        subject_identifier(ca)
    });
    place.certificate("certs/123456_cert.pem", |leaf| {
        assert_eq!(leaf.version().0, 2, "X.509 version 3 is written 2");
        let constraints = leaf.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && !constraints.value.ca);
        let usage = leaf.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature() && usage.value.key_encipherment());
        assert!(!usage.value.key_cert_sign());
        let authority = leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(authority) => authority.key_identifier.as_ref(),
            _ => None,
        });
        assert_eq!(authority.unwrap().0, identifier);
        assert_ne!(subject_identifier(leaf), identifier);
        assert_eq!(leaf.subject().to_string(), "C=CH, CN=123456");
        assert_eq!(leaf.issuer().to_string(), "C=FR, CN=Socket Lab CA");
    });
}

fn subject_identifier(certificate: &X509Certificate<'_>) -> Vec<u8> {
    let identifier = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
        _ => None,
    });
    identifier.unwrap()
}

// Names.

/// The names in a certificate that was issued with these arguments.
fn check_names(place: &Place, arguments: &str, expected: &[&str]) {
    place.done(&format!("issue {arguments} --key p-256 --force"));
    let file = format!("certs/{}_cert.pem", words(arguments)[0]);
    assert_eq!(place.certificate(&file, names), expected, "{arguments}");
    for name in expected {
        let name = name.replace('*', "any");
        assert_eq!(
            place.done(&format!("verify {file} --name {name} --purpose {}", purpose(arguments))),
            format!("{file}: ok\n")
        );
    }
}

fn purpose(arguments: &str) -> &str {
    if arguments.starts_with("client") { "client" } else { "server" }
}

#[test]
fn without_san_a_certificate_is_for_this_machine_and_the_two_parties() {
    let place = Place::with_ca();
    check_names(&place, "123456", &DEFAULTS);
    for party in ["server", "client"] {
        check_names(&place, party, &[&[party], &DEFAULTS[..]].concat());
    }
    place.refused("verify certs/server_cert.pem --purpose client", 1, &["another purpose"]);
    place.refused("verify certs/client_cert.pem --purpose server", 1, &["another purpose"]);
}

#[test]
fn san_names_dns_names_addresses_and_wildcards() {
    let place = Place::with_ca();
    check_names(&place, "1 --san localhost", &["localhost"]);
    check_names(&place, "2 --san PMU.Test --san a.b.example --san test", &["pmu.test", "a.b.example", "test"]);
    check_names(&place, "3 --san 127.0.0.1 --san 127.1.2.3 --san ::1", &["127.0.0.1", "127.1.2.3", "::1"]);
    check_names(&place, "4 --san *.lab.test --san *.a.localhost", &["*.lab.test", "*.a.localhost"]);
    check_names(&place, "5 --san xn--rmer-5qa.test", &["xn--rmer-5qa.test"]);
    if !lacks_openssl() {
        for (options, file, is_ok) in [
            ("-verify_hostname a.b.example", "2", true),
            ("-verify_ip 127.1.2.3", "3", true),
            ("-verify_ip ::1", "3", true),
            ("-verify_ip 127.0.0.2", "3", false),
            ("-verify_hostname x.lab.test", "4", true),
            ("-verify_hostname x.y.lab.test", "4", false),
        ] {
            assert_eq!(place.openssl_verifies(options, &format!("certs/{file}_cert.pem")), is_ok, "{options}");
        }
    }
}

#[test]
fn what_is_no_name_is_a_wrong_command_line() {
    let place = Place::with_ca();
    for name in [
        "r\u{f6}mer.test",
        "a..test",
        "test.",
        ".test",
        "-a.test",
        "a_b-.test",
        "127.0.0.1/8",
        "test:80",
        "*",
        "a.*.test",
        // No client takes a wildcard for all of a top-level domain, and rustls then refuses the whole certificate.
        "*.test",
        "*.localhost",
    ] {
        place.refused(&format!("issue 123456 --san={name}"), 2, &[name]);
    }
    place.refused("issue 123456 --san r\u{f6}mer.test", 2, &["xn--"]);
}

#[test]
fn a_name_beyond_the_lab_is_refused_with_the_reason_and_nothing_is_left_behind() {
    let place = Place::with_ca();
    for name in [
        "www.epfl.ch",
        "*.epfl.ch",
        "latest",
        "test.com",
        "localhost.com",
        "pmu",
        "10.0.0.1",
        "128.0.0.1",
        "::2",
        "::ffff:127.0.0.1",
    ] {
        let reason = [name, "may not vouch", "localhost, server, client", ".test", ".example", "--any-name"];
        place.refused(&format!("issue 123456 --key p-256 --san {name}"), 1, &reason);
        place.refused(&format!("issue 123456 --key p-256 --san pmu.test --san {name}"), 1, &reason);
    }
    place.done("request 123456 --key p-256 --san pmu.test --san www.epfl.ch");
    place.refused("sign certs/123456.csr", 1, &["certs/123456.csr", "www.epfl.ch", "may not vouch"]);
    place.done("sign certs/123456.csr --san pmu.test");
}

#[test]
fn any_name_lifts_the_limits_of_the_ca() {
    let place = Place::new();
    place.done("init --key p-256 --any-name");
    check_names(
        &place,
        "1 --san www.epfl.ch --san 10.0.0.1 --san 2001:db8::1",
        &["www.epfl.ch", "10.0.0.1", "2001:db8::1"],
    );
    place.certificate("certs/cacert.pem", |ca| assert!(ca.name_constraints().unwrap().is_none()));
    if !lacks_openssl() {
        assert!(place.openssl_verifies("-verify_hostname www.epfl.ch", "certs/1_cert.pem"));
    }
}

#[test]
fn what_others_sign_with_the_cas_key_for_names_beyond_the_lab_is_not_believed() {
    let (place, lacks_openssl) = (Place::with_ca(), lacks_openssl());
    for (name, is_ok) in [("pmu.test", true), ("www.epfl.ch", false)] {
        place.issue("forged_cert.pem", |params| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())]
        });
        let verified = place.ttp(&format!("verify forged_cert.pem --name {name}"));
        assert_eq!(verified.code() == 0, is_ok, "{name}: {}", verified.stderr());
        assert!(is_ok || verified.stderr().contains("may not vouch"), "{}", verified.stderr());
        if !lacks_openssl {
            assert_eq!(place.openssl_verifies("", "forged_cert.pem"), is_ok, "{name}");
        }
    }
}

#[test]
fn a_common_name_that_looks_like_a_servers_is_refused_or_accepted_by_openssl() {
    let place = Place::with_ca();
    // OpenSSL takes the common name for a DNS name when the SAN has none.
    let outcome = place.ttp("issue alice.smith --key p-256 --san 127.0.0.1");
    if outcome.code() != 0 {
        check_error(&outcome, 1, &["alice.smith", "may not vouch"]);
    } else if !lacks_openssl() {
        assert!(place.openssl_verifies("", "certs/alice.smith_cert.pem"));
    }
}

// Requests of others.

#[test]
fn a_request_made_by_openssl_is_signed_whatever_its_key_and_names() {
    if lacks_openssl() {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("genrsa -out rsa.pem 2048");
    for curve in ["prime256v1", "secp384r1"] {
        place.openssl_does(&format!("ecparam -genkey -noout -name {curve} -out {curve}.pem"));
    }
    for key in ["rsa", "prime256v1", "secp384r1"] {
        for (san, expected) in [
            ("", &DEFAULTS[..]),
            ("-addext subjectAltName=DNS:PMU.test,IP:127.0.0.9,IP:::1", &["pmu.test", "127.0.0.9", "::1"]),
        ] {
            place.openssl_does(&format!("req -new -key {key}.pem -subj /C=CH/O=EPFL/CN=123456 -out 123456.csr {san}"));
            place.done("sign 123456.csr --force");
            assert_eq!(place.certificate("123456_cert.pem", names), expected, "{key}");
            assert!(place.openssl_verifies("-purpose sslserver", "123456_cert.pem"), "{key}");
            let key_of = |arguments: &str| place.openssl_does(&format!("{arguments} -noout -pubkey"));
            assert_eq!(key_of("x509 -in 123456_cert.pem"), key_of("req -in 123456.csr"), "{key}");
        }
    }
    place.done("sign 123456.csr --force --san localhost");
    assert_eq!(place.certificate("123456_cert.pem", names), ["localhost"]);
    place.openssl_does("req -new -key rsa.pem -subj /CN=x -out 123456.csr -addext subjectAltName=email:a@b.test");
    place.refused("sign 123456.csr --force", 1, &["123456.csr", "a@b.test", "neither DNS name nor IP address"]);
}

#[test]
fn the_rights_that_a_request_asks_for_are_left_out_with_a_warning() {
    if lacks_openssl() {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("ecparam -genkey -noout -name prime256v1 -out key.pem");
    for (extension, warning) in [
        ("basicConstraints=critical,CA:TRUE", "CA:TRUE"),
        ("basicConstraints=CA:TRUE,pathlen:3", "CA:TRUE"),
        ("keyUsage=critical,keyCertSign,cRLSign", "sign certificates"),
        ("extendedKeyUsage=codeSigning,serverAuth", "extended key usage"),
        ("extendedKeyUsage=clientAuth", "extended key usage"),
        ("nameConstraints=permitted;DNS:ch", "extension"),
        ("1.2.3.4=ASN1:UTF8String:hello", "extension"),
    ] {
        place.openssl_does(&format!("req -new -key key.pem -subj /CN=123456 -out 123456.csr -addext {extension}"));
        let outcome = place.ttp("sign 123456.csr --force");
        assert!(outcome.code() == 0 && outcome.stdout().ends_with("123456_cert.pem\n"), "{extension}");
        let stderr = outcome.stderr();
        let is_warned = stderr.starts_with("warning: ") && stderr.contains(warning) && stderr.lines().count() == 1;
        place.certificate("123456_cert.pem", |certificate| {
            assert!(!certificate.is_ca(), "{extension}");
            assert!(certificate.basic_constraints().unwrap().unwrap().critical);
            let usage = certificate.key_usage().unwrap().unwrap().value;
            assert!(!usage.key_cert_sign() && !usage.crl_sign(), "{extension}");
            let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
            assert!(!purposes.code_signing && !purposes.any, "{extension}");
            assert!(certificate.name_constraints().unwrap().is_none());
            // A purpose may also be granted.
            assert!(is_warned || extension.contains("clientAuth") && purposes.client_auth, "{extension}: '{stderr}'");
        });
        assert!(place.openssl_verifies("", "123456_cert.pem"), "{extension}");
    }
}

#[test]
fn the_subject_of_a_request_is_the_certificates() {
    if lacks_openssl() {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("ecparam -genkey -noout -name prime256v1 -out key.pem");
    for subject in [
        "/C=CH/ST=VD/L=Lausanne/O=EPFL/OU=IC/CN=123456",
        // As `openssl req` asks for it by default.
        "/C=CH/O=EPFL/CN=123456/emailAddress=student@example.test",
        "/O=EPFL/OU=IC/OU=LCA2/CN=123456",
        "/CN=Zo\u{eb}",
        "/",
    ] {
        place.openssl_does(&format!("req -new -utf8 -key key.pem -subj {subject} -out 123456.csr"));
        let signed = place.ttp("sign 123456.csr --force");
        assert_eq!(signed.code(), 0, "{subject}: {}", signed.stderr());
        let shown = |what: &str| {
            place.openssl_does(&format!("{what} -noout -subject -nameopt sep_multiline,utf8,show_type,lname"))
        };
        // What is left out is said.
        if signed.stderr().is_empty() {
            assert_eq!(shown("x509 -in 123456_cert.pem"), shown("req -in 123456.csr"), "{subject}");
        } else {
            assert!(subject.matches("/OU=").count() > 1 && signed.stderr().starts_with("warning: "), "{subject}");
        }
        assert!(place.openssl_verifies("", "123456_cert.pem"), "{subject}");
        place.done("verify 123456_cert.pem --name localhost");
    }
}

#[test]
fn a_request_for_a_key_that_tls_refuses_is_refused_by_name() {
    if lacks_openssl() {
        return;
    }
    let place = Place::with_ca();
    for (make, words) in [
        ("genrsa -out key.pem 1024", &["1024", "2048", "hint: ", "openssl genrsa"][..]),
        ("genrsa -out key.pem 1536", &["1536", "2048", "hint: ", "openssl genrsa"]),
        ("ecparam -genkey -noout -name secp256k1 -out key.pem", &["kind of key", "RSA, P-256"]),
    ] {
        place.openssl_does(make);
        place.openssl_does("req -new -key key.pem -subj /CN=123456 -out 123456.csr");
        place.refused("sign 123456.csr", 1, &[&["123456.csr"], words].concat());
    }
    assert!(!place.path("123456_cert.pem").exists());
}

#[test]
fn what_is_no_request_is_refused_by_what_was_expected() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    let request = place.read("certs/123456.csr");
    for (text, expected) in [
        (String::new(), "CERTIFICATE REQUEST"),
        ("hello\n".to_owned(), "CERTIFICATE REQUEST"),
        ("\0\u{fffd}".repeat(5000), "CERTIFICATE REQUEST"),
        (place.read("certs/123456_cert.pem"), "CERTIFICATE REQUEST"),
        (place.read("certs/123456_key.pem"), "CERTIFICATE REQUEST"),
        (request.replace("CERTIFICATE REQUEST", "CERTIFICATE"), "CERTIFICATE REQUEST"),
        (request.replace("-----END", ""), "CERTIFICATE REQUEST"),
        (place.read("certs/cacert.pem").replace("CERTIFICATE", "CERTIFICATE REQUEST"), "damaged"),
        ("x".repeat(2 << 20), "too long"),
    ] {
        place.write("x.csr", &text);
        place.refused("sign x.csr", 1, &["error: x.csr", expected]);
    }
    place.refused("sign missing.csr", 1, &["cannot read missing.csr"]);
    place.refused("sign certs", 1, &["certs"]);
    assert!(!place.path("x_cert.pem").exists());
    // What OpenSSL writes around a request, and what Windows makes of it.
    for text in [format!("Certificate Request:\n  Data: …\n{request}"), request.replace('\n', "\r\n")] {
        place.write("x.csr", text);
        place.done("sign x.csr --force");
    }
}

#[test]
fn a_request_that_was_damaged_anywhere_is_refused() {
    let place = Place::with_ca();
    place.done("request 123456 --key p-256 --san localhost");
    let (_, pem) = parse_x509_pem(place.read("certs/123456.csr").as_bytes()).unwrap();
    let der = pem.contents;
    let refusal = |der: &[u8]| {
        let text = format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", base64(der));
        place.write("x.csr", text);
        let signed = place
            .directory()
            .sign(&place.path("x.csr"), &CertificateOptions { force: true, ..CertificateOptions::default() });
        signed.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(refusal(&der), Ok(()));
    fs::remove_file(place.path("x_cert.pem")).unwrap();
    // 30 81 len { 30 81 len { what is signed } algorithm, in 12 bytes, 03 len 00 { its signature } }: the rest is packing.
    let signed = 3..6 + usize::from(der[5]);
    let signature = signed.end + 12 + 3..der.len();
    for at in 0..der.len() {
        assert!(refusal(&der[..at]).is_err(), "cut to {at} bytes");
        for bit in [0x01, 0x80] {
            let mut flipped = der.clone();
            flipped[at] ^= bit;
            let (result, matters) = (refusal(&flipped), signed.contains(&at) || signature.contains(&at));
            assert!(result.is_err() || !matters, "byte {at} is {:#x}", flipped[at]);
        }
    }
    let _ = fs::remove_file(place.path("x_cert.pem"));
    let mut forged = der.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(refusal(&forged).unwrap_err().contains("signature"), "{:?}", refusal(&forged));
    assert!(refusal(&[&der[..], b"\x05\x00"].concat()).unwrap_err().contains("something behind it"));
    assert!(!place.path("x_cert.pem").exists());
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | usize::from(chunk.get(i).copied().unwrap_or(0)));
        let digit = |i: usize| if i <= chunk.len() { char::from(DIGITS[bits >> (18 - 6 * i) & 63]) } else { '=' };
        (0..4).map(digit).collect::<String>()
    };
    bytes.chunks(48).map(|line| line.chunks(3).map(digits).collect::<String>()).collect::<Vec<_>>().join("\n")
}

// Verify and show.

#[test]
fn verify_says_what_is_wrong_with_a_certificate() {
    let (place, other) = (Place::with_ca(), Place::with_ca());
    place.done("issue 123456 --key p-256 --san pmu.test --san 127.0.0.1");
    other.done("issue 123456 --key p-256");
    place.write("other.pem", other.read("certs/123456_cert.pem"));
    place.write("empty.pem", "");
    place.issue("old_cert.pem", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    });
    place.issue("early_cert.pem", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
    });
    place.issue("nameless_cert.pem", |params| params.subject_alt_names.clear());
    for (arguments, expected) in [
        ("certs/123456_cert.pem --name pdc.test", &["pdc.test", "pmu.test, 127.0.0.1"][..]),
        ("certs/123456_cert.pem --name 127.0.0.2", &["127.0.0.2", "pmu.test, 127.0.0.1"]),
        ("certs/123456_cert.pem --purpose client", &["another purpose"]),
        ("certs/123456_cert.pem --purpose both", &["another purpose"]),
        ("other.pem", &["CA"]),
        ("old_cert.pem", &["expired"]),
        ("early_cert.pem", &["not valid yet"]),
        ("nameless_cert.pem --name localhost", &["no SAN"]),
        ("certs/cacert.pem", &["CA certificate"]),
        ("certs/123456_key.pem", &["holds a private key", "BEGIN CERTIFICATE"]),
        ("certs/123456.csr", &["certificate request", "BEGIN CERTIFICATE"]),
        ("empty.pem", &["is empty"]),
        ("missing.pem", &["cannot read missing.pem"]),
    ] {
        let file = words(arguments)[0];
        place.refused(&format!("verify {arguments}"), 1, &[&[file], expected].concat());
    }
    place.done("verify certs/123456_cert.pem --name PMU.test");
    place.done("verify nameless_cert.pem");
    place.refused("verify certs/123456_cert.pem --name a/b", 2, &["'a/b' is no name of a server"]);
    place.refused("verify certs/123456_cert.pem --dir empty", 1, &["empty"]);
}

#[test]
fn show_tells_a_certificates_facts_a_line_each() {
    let place = Place::with_ca();
    place.done("issue 123456 --country CH --san pmu.test --san ::1");
    let text = place.done("show certs/123456_cert.pem");
    for (label, value) in [
        ("version", "3"),
        ("subject", "C=CH, CN=123456"),
        ("issuer", "C=CH, CN=Socket Lab CA"),
        ("key", "RSA, 2048 bits"),
        ("names (SAN)", "pmu.test, ::1"),
        ("is a CA", "no"),
        ("purpose", "TLS server"),
    ] {
        let line = format!("{:<20} {value}", format!("{label}:"));
        assert!(text.lines().any(|shown| shown == line), "no '{line}' in\n{text}");
    }
    let ca = place.done("show certs/cacert.pem");
    assert!(ca.contains("localhost, server, client, test, example, 127.0.0.0/8, ::1/128"), "{ca}");
    place.refused("show certs/123456_key.pem", 1, &["BEGIN CERTIFICATE"]);
    place.refused("show missing.pem", 1, &["cannot read missing.pem"]);
}

#[test]
fn help_has_examples_and_version_the_version() {
    let place = Place::new();
    let help = place.done("--help");
    for example in
        ["Examples", "ttp init", "ttp request 123456", "ttp sign certs/123456.csr", "--any-name", "openssl req"]
    {
        let everywhere = [&help, &place.done("init --help")];
        assert!(everywhere.iter().any(|help| help.contains(example)), "no '{example}'");
    }
    assert_eq!(place.done("--version"), concat!("ttp ", env!("CARGO_PKG_VERSION"), "\n"));
}

// Several at once.

#[test]
fn of_several_who_issue_the_same_name_at_once_one_does() {
    let place = Place::with_ca();
    for round in 0..5 {
        let name = format!("round{round}");
        let issue = ["issue", &name, "--key", "p-256"];
        let programs: Vec<_> = (0..4).map(|_| place.start(env!("CARGO_BIN_EXE_ttp"), &issue)).collect();
        let outcomes: Vec<_> = programs.into_iter().map(finish).collect();
        let (done, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.code() == 0);
        assert_eq!(done.len(), 1, "{:?}", failed.iter().map(Outcome::stderr).collect::<Vec<_>>());
        failed.iter().for_each(|outcome| check_error(outcome, 1, &["exists already"]));
        place.vouches_for(&name).unwrap();
    }
    check_whole(&place, 5);
}

#[test]
fn of_several_who_issue_with_force_at_once_each_does() {
    let place = Place::with_ca();
    for round in 0..5 {
        let name = format!("round{round}");
        let issue = ["issue", &name, "--key", "p-256", "--force"];
        let programs: Vec<_> = (0..4).map(|_| place.start(env!("CARGO_BIN_EXE_ttp"), &issue)).collect();
        for outcome in programs.into_iter().map(finish) {
            assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
        }
        place.vouches_for(&name).unwrap();
    }
    check_whole(&place, 5);
}

#[test]
fn many_who_issue_different_names_at_once_are_all_served() {
    let place = Place::with_ca();
    let issue = |i: usize| place.start(env!("CARGO_BIN_EXE_ttp"), &["issue", &format!("student{i}"), "--key", "p-256"]);
    for outcome in (0..16).map(issue).collect::<Vec<_>>().into_iter().map(finish) {
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
    }
    (0..16).for_each(|i| place.vouches_for(&format!("student{i}")).unwrap());
    check_whole(&place, 16);
}

#[test]
fn of_several_who_make_a_ca_at_once_one_does() {
    for _ in 0..5 {
        let place = Place::new();
        let init = ["init", "--key", "p-256"];
        let programs: Vec<_> = (0..4).map(|_| place.start(env!("CARGO_BIN_EXE_ttp"), &init)).collect();
        let outcomes: Vec<_> = programs.into_iter().map(finish).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.code() == 0).count(), 1);
        place.done("issue localhost --key p-256");
        place.vouches_for("localhost").unwrap();
        check_whole(&place, 1);
    }
}

/// The CA, and three whole files for each owner: nothing else.
fn check_whole(place: &Place, owners: usize) {
    let files = place.files();
    assert_eq!(files.len(), 2 + 3 * owners, "{:?}", files.keys());
    for (file, bytes) in files {
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("-----BEGIN ").count(), 1, "{file}");
        assert!(text.starts_with("-----BEGIN ") && text.ends_with("-----\n"), "{file}: {text}");
    }
}

// What is made at first use.

/// Which of the CA's files `ensure` makes, renews or replaces.
fn ensured(place: &Place, names: &[&str]) -> Vec<String> {
    let before = place.files();
    place.directory().ensure(names).unwrap();
    names.iter().for_each(|name| place.vouches_for(name).unwrap());
    let is_new = |file: &(String, Vec<u8>)| before.get(&file.0) != Some(&file.1) && !file.0.starts_with('.');
    place.files().into_iter().filter(is_new).map(|file| file.0).collect()
}

#[test]
fn ensure_makes_what_is_missing_and_keeps_what_is_there() {
    let place = Place::new();
    let made = ["cacert.pem", "cakey.pem", "localhost.csr", "localhost_cert.pem", "localhost_key.pem"];
    assert_eq!(ensured(&place, &["localhost"]), made);
    assert_eq!(ensured(&place, &["localhost"]), [""; 0]);
    let more = ["pmu.csr", "pmu_cert.pem", "pmu_key.pem"];
    assert_eq!(ensured(&place, &["localhost", "pmu"]), more);
    fs::remove_file(place.path("certs/pmu_cert.pem")).unwrap();
    assert!(ensured(&place, &["localhost", "pmu"]).contains(&"pmu_cert.pem".to_owned()));
    fs::remove_file(place.path("certs/pmu_key.pem")).unwrap();
    assert_eq!(ensured(&place, &["localhost", "pmu"]), more);
}

#[test]
fn ensure_renews_what_has_less_than_a_week_with_the_same_key() {
    for (days, is_renewed) in [(1, true), (6, true), (8, false), (365, false)] {
        let place = Place::with_ca();
        place.done(&format!("issue localhost --key p-256 --days {days}"));
        let renewed = if is_renewed { &["localhost.csr", "localhost_cert.pem"][..] } else { &[] };
        assert_eq!(ensured(&place, &["localhost"]), renewed, "{days} days");
        let valid = place.certificate("certs/localhost_cert.pem", seconds_valid);
        assert!(valid > 7 * DAY, "{days} days");
    }
}

#[test]
fn ensure_replaces_what_expired_or_cannot_be_read() {
    let place = Place::with_ca();
    place.done("issue localhost --key p-256");
    place.issue("certs/localhost_cert.pem", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    });
    assert_eq!(ensured(&place, &["localhost"]), ["localhost.csr", "localhost_cert.pem"]);
    for text in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        place.write("certs/localhost_cert.pem", text);
        assert!(ensured(&place, &["localhost"]).contains(&"localhost_cert.pem".to_owned()), "{text}");
    }
}

#[test]
fn ensure_renews_a_ca_with_all_that_it_has_issued() {
    for (days, is_renewed) in [(6, true), (8, false)] {
        let place = Place::new();
        let authority = CaOptions { key: KeyKind::P256, days, ..CaOptions::default() };
        place.directory().init(&authority, false).unwrap();
        place.done("issue localhost --key p-256");
        let made = ensured(&place, &["localhost"]);
        assert_eq!(made.contains(&"cacert.pem".to_owned()), is_renewed, "{days} days: {made:?}");
        // Its certificate cannot be valid for longer than it is.
        assert_eq!(made.contains(&"localhost_cert.pem".to_owned()), is_renewed, "{days} days: {made:?}");
    }
}

#[test]
fn ensure_renews_the_certificates_of_an_earlier_ca() {
    let place = Place::with_ca();
    place.done("issue localhost --key p-256");
    place.done("issue server --key p-256");
    place.done("init --key p-256 --force");
    assert!(ensured(&place, &["localhost"]).contains(&"localhost_cert.pem".to_owned()));
    // Those that were not asked for at the time included.
    assert!(ensured(&place, &["server"]).contains(&"server_cert.pem".to_owned()));
}

#[test]
fn several_may_ensure_at_once() {
    let place = Place::new();
    thread::scope(|scope| {
        for names in [["localhost", "server"], ["server", "client"], ["client", "localhost"]] {
            let directory = place.directory();
            scope.spawn(move || {
                directory.ensure(&names).unwrap();
                names.iter().for_each(|name| {
                    drop(Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap())
                });
            });
        }
    });
    assert_eq!(ensured(&place, &["localhost", "server"]), [""; 0]);
    let left: Vec<_> = place.files().into_keys().filter(|file| file != ".lock").collect();
    assert_eq!(left.len(), 2 + 3 * 3, "{left:?}");
}

#[test]
fn ensure_has_its_reasons_in_its_errors() {
    let place = Place::new();
    place.write("file", "");
    let error = CaDirectory::new(place.path("file")).ensure(&["localhost"]).unwrap_err();
    assert!(error.to_string().contains(place.path("file").to_str().unwrap()), "{error}");
    let error = place.directory().ensure(&["../localhost"]).unwrap_err();
    assert!(error.to_string().contains("../localhost"), "{error}");
    assert!(!Path::new(&place.path("localhost_key.pem")).exists());
}
