//! A folder with certificates, and the programs that run in it.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command, sync::OnceLock};

use lab_process::{Outcome, Program};
use lab_test::{Listening, finish, spawn};
use tempfile::TempDir;
use ttp::CaDirectory;

use crate::{CLIENT, SERVER, words};

/// A folder to work in; `certs` in it is that of the certificates, as it is by default.
pub(crate) struct Place(pub(crate) TempDir);

impl Place {
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With certificates, the same for everyone.
    pub(crate) fn new() -> Self {
        static TEXTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
        Self::with(&TEXTS)
    }

    /// With certificates of another CA.
    pub(crate) fn of_another_ca() -> Self {
        static TEXTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
        Self::with(&TEXTS)
    }

    /// With files that are made once: to make keys takes time.
    pub(crate) fn with(texts: &OnceLock<BTreeMap<String, Vec<u8>>>) -> Self {
        let texts = texts.get_or_init(|| {
            let place = Self::empty();
            place.directory().complete(&["server", "client"]).unwrap();
            place.files()
        });
        let place = Self::empty();
        fs::create_dir(place.certs()).unwrap();
        for (file, text) in texts {
            fs::write(place.certs().join(file), text).unwrap();
        }
        place
    }

    pub(crate) fn certs(&self) -> PathBuf {
        self.0.path().join("certs")
    }

    pub(crate) fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.certs())
    }

    /// The certificates' files and what they hold.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.certs()) else { return BTreeMap::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(file), bytes).unwrap();
    }

    pub(crate) fn start(&self, program: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.0.path()).env_remove("LAB_SERVER");
        spawn(command)
    }

    pub(crate) fn run(&self, program: &str, arguments: &str) -> Outcome {
        finish(self.start(program, &words(arguments)))
    }

    /// A server that has announced its port; 0 unless `arguments` have one.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Listening {
        Listening::of(self.start(SERVER, &[&["--port", "0"], arguments].concat()))
    }

    /// What one server and one client make of each other: the outcome of each.
    pub(crate) fn session(&self, server: &[&str], client: &[&str]) -> (Outcome, Outcome) {
        self.session_with(self, server, client)
    }

    /// The same, the client with certificates of its own.
    pub(crate) fn session_with(&self, other: &Self, server: &[&str], client: &[&str]) -> (Outcome, Outcome) {
        let server = self.serve(&[&["--once"], server].concat());
        let at = server.address.to_string();
        let client = finish(other.start(CLIENT, &[&["--server", &at], client].concat()));
        (finish(server.program), client)
    }
}
