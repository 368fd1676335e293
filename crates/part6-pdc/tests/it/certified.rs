//! A CA, a PMU under its certificate, and a PDC that trusts it.

use std::process::Command;

use lab_process::{Outcome, Program};
use lab_test::{finish, spawn};
use labnet::pmu::Device;
use mock_servers::{Running, ServerSettings, tls};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind, Name};

/// A CA, and a certificate by it for the names that are given.
pub(crate) struct Certified {
    pub(crate) folder: TempDir,
}

impl Certified {
    /// For localhost, 127.0.0.1 and ::1.
    pub(crate) fn here() -> Self {
        Self::new(KeyKind::P256, &[])
    }

    pub(crate) fn new(kind: KeyKind, names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        let names: Vec<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
        directory.issue("123456", kind, None, &CertificateOptions { names, ..CertificateOptions::default() }).unwrap();
        Self { folder }
    }

    pub(crate) fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.folder.path())
    }

    /// A PMU under this certificate, on both families.
    pub(crate) fn serve(&self, device: Device) -> Running {
        let (certificate, key) = (self.directory().certificate("123456"), self.directory().key("123456"));
        let config = tls::Config { port: 0, device, certificate: tls::CertificateSource::Files { certificate, key } };
        tls::spawn(&config, &ServerSettings::default()).unwrap()
    }

    /// A PDC that trusts this CA.
    pub(crate) fn start(&self, environment: &[(&str, &str)], arguments: &str) -> Program {
        let mut pdc = Command::new(env!("CARGO_BIN_EXE_part6-pdc"));
        // A word of its own: the name of a temporary folder may have these two letters in it.
        let word = |word| if word == "CA" { "cacert.pem" } else { word };
        pdc.args(arguments.split_whitespace().map(word)).current_dir(self.folder.path());
        pdc.env_remove("LAB_SERVER").envs(environment.iter().copied());
        spawn(pdc)
    }

    pub(crate) fn pdc(&self, arguments: &str) -> Outcome {
        finish(self.start(&[], arguments))
    }
}

pub(crate) fn check_outcome(outcome: &Outcome, expected: &[u8]) {
    assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()), "{}", outcome.command_line);
    assert!(outcome.stdout == expected, "{}: {:.300}", outcome.command_line, outcome.stdout());
}
