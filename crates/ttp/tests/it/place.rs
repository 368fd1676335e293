//! A folder to work in, the program, and what OpenSSL makes of its files.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use lab_process::{Outcome, Program};
use lab_test::{check_error, finish, spawn};
use labnet::{
    Error,
    tls::{self, Credentials, Roots, TlsRole},
};
use rcgen::{CertificateParams, Issuer, KeyPair};
use tempfile::TempDir;
use ttp::CaDirectory;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, pem::parse_x509_pem};

pub(crate) const DAY: i64 = 24 * 3600;

/// The names of a certificate when nobody says.
pub(crate) const DEFAULTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A folder to work in; that of the CA is `certs` in it, as it is by default.
pub(crate) struct Place(pub(crate) TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a CA, whose key is of the kind that is quickly made.
    pub(crate) fn with_ca() -> Self {
        let place = Self::new();
        place.done("init --key p-256");
        place
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.path("certs"))
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(file), text).unwrap();
    }

    /// The CA's files and what they hold.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.path("certs")) else { return BTreeMap::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
    }

    pub(crate) fn start(&self, program: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.path());
        spawn(command)
    }

    pub(crate) fn ttp(&self, arguments: &str) -> Outcome {
        finish(self.start(env!("CARGO_BIN_EXE_ttp"), &words(arguments)))
    }

    /// A task that succeeds without a word on stderr: its answer.
    pub(crate) fn done(&self, arguments: &str) -> String {
        let outcome = self.ttp(arguments);
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{}", outcome.command_line);
        outcome.stdout()
    }

    /// A task that ends with `code`, one error with each of `expected`, and every file as it was before.
    pub(crate) fn refused(&self, arguments: &str, code: i32, expected: &[&str]) -> Outcome {
        let before = self.files();
        let outcome = self.ttp(arguments);
        check_error(&outcome, code, expected);
        assert!(self.files() == before, "{arguments}: {:?} became {:?}", before.keys(), self.files().keys());
        outcome
    }

    pub(crate) fn openssl(&self, arguments: &str) -> Outcome {
        finish(self.start("openssl", &words(arguments)))
    }

    pub(crate) fn openssl_does(&self, arguments: &str) -> String {
        let outcome = self.openssl(arguments);
        assert_eq!(outcome.code(), 0, "{}: {}", outcome.command_line, outcome.stderr());
        outcome.stdout()
    }

    /// OpenSSL's verdict on a certificate, held against the strictest of its rules.
    pub(crate) fn openssl_verifies(&self, options: &str, file: &str) -> bool {
        let outcome = self.openssl(&format!("verify -x509_strict -CAfile certs/cacert.pem {options} {file}"));
        let is_ok = outcome.code() == 0;
        assert_eq!(is_ok, outcome.stdout() == format!("{file}: OK\n"), "{}", outcome.stderr());
        is_ok
    }

    /// What a certificate says of something.
    pub(crate) fn certificate<T>(&self, file: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let (_, pem) = parse_x509_pem(self.read(file).as_bytes()).unwrap();
        look(&pem.parse_x509().unwrap())
    }

    /// A certificate of this CA, from which `change` takes what `ttp` itself always grants.
    pub(crate) fn issue(&self, file: &str, change: impl FnOnce(&mut CertificateParams)) {
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
    pub(crate) fn vouches_for(&self, name: &str) -> Result<(), Error> {
        let directory = self.directory();
        let roots = Roots::load(&directory.ca_certificate())?;
        tls::verify_file(&directory.certificate(name), &roots, TlsRole::Server, Some("localhost"))?;
        Credentials::load(&directory.certificate(name), &directory.key(name)).map(drop)
    }
}

pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

pub(crate) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
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

pub(crate) fn seconds_valid(certificate: &X509Certificate<'_>) -> i64 {
    certificate.validity().not_after.timestamp() - now()
}

pub(crate) fn now() -> i64 {
    x509_parser::time::ASN1Time::now().timestamp()
}
