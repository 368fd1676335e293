//! A CA that the PDC trusts, and the certificate that a PMU presents.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use lab_process::{Outcome, Program};
use lab_test::{check_failed, finish, spawn};
use labnet::pmu::Device;
use mock_servers::{ServerSettings, tls};
use rcgen::{CertificateParams, Issuer, KeyPair};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use crate::lines;

/// A CA in `cacert.pem`, which the PDC trusts, and a certificate for localhost in `cert.pem` and `key.pem`.
pub(crate) struct Files(pub(crate) TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let directory = CaDirectory::new(files.0.path());
        directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        directory.issue("localhost", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
        fs::rename(directory.certificate("localhost"), files.path("cert.pem")).unwrap();
        fs::rename(directory.key("localhost"), files.path("key.pem")).unwrap();
        files
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Replaces the certificate by one of the same CA, from the usual one on.
    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) {
        let ca_key = KeyPair::from_pem(&self.read("cakey.pem")).unwrap();
        self.mint_by(&Issuer::from_ca_cert_pem(&self.read("cacert.pem"), ca_key).unwrap(), change);
    }

    pub(crate) fn mint_by(&self, issuer: &Issuer<'_, KeyPair>, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        self.write("cert.pem", params.signed_by(&key, issuer).unwrap().pem());
        self.write("key.pem", key.serialize_pem());
    }

    pub(crate) fn start(&self, server: SocketAddr, arguments: &str) -> Program {
        self.start_with(server, &arguments.split_whitespace().collect::<Vec<_>>())
    }

    fn start_with(&self, server: SocketAddr, arguments: &[&str]) -> Program {
        let mut pdc = Command::new(env!("CARGO_BIN_EXE_part6-pdc"));
        pdc.args(arguments).args(["cacert.pem", "--server", &server.to_string()]);
        pdc.current_dir(self.0.path());
        spawn(pdc)
    }

    /// What the PDC makes of a PMU under this certificate.
    pub(crate) fn ask(&self, arguments: &str) -> Outcome {
        self.ask_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// The same, of arguments with spaces in them.
    pub(crate) fn ask_with(&self, arguments: &[&str]) -> Outcome {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        let identity = tls::CertificateSource::Files { certificate, key };
        let config = tls::Config { port: 0, device: Device::default(), certificate: identity };
        let pmu = tls::spawn(&config, &ServerSettings::default()).unwrap();
        finish(self.start_with(pmu.address(), arguments))
    }

    /// The PDC refuses this certificate in these words, also without looking at the name if `even_nameless`.
    pub(crate) fn check_refused(&self, words: &[&str], even_nameless: bool) {
        check_failed(&self.ask("CMD_short:0"), "", words);
        let outcome = self.ask("CMD_short:0 --no-check-hostname");
        if even_nameless {
            check_failed(&outcome, "", words);
        } else {
            assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..11), String::new()));
        }
    }
}
