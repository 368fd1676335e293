//! The PMU of part 6: its certificate, its folder, its port.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use lab_process::sockets;
use lab_sandbox::Host;
use labnet::tls::Roots;
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind, Name};

use super::poll_for;
use crate::{
    ExperimentFailure,
    programs::ProgramRole,
    session::{ExperimentSession, ObservedProgram},
};

const PORT: &str = "5003";

/// The identity of the PMU, and the names in its certificate.
const ID: &str = "123456";
pub(super) const LOCAL_NAME: &str = "localhost";
pub(super) const NAME: &str = "server";

/// The certificate of the handout's PMU and its key, before their author puts a number into the names.
const HANDOUT: [&str; 2] = ["CAMIPRO1_cert.pem", "CAMIPRO1_key.pem"];

/// The maximum of links to the files of an author (ours).
const MAX_LINKS: usize = 10_000;

/// What a PMU identifies itself with, and the folder in which it finds that.
#[derive(Debug)]
pub(crate) struct Identity {
    folder: TempDir,
    directory: CaDirectory,
}

impl Identity {
    pub(crate) fn new() -> Result<Self, ExperimentFailure> {
        let folder = tempfile::tempdir()?;
        let directory = CaDirectory::new(folder.path().join("certs"));
        fs::create_dir(folder.path().join("certs"))?;
        directory.init(&CaOptions::default(), false)?;
        let names = [LOCAL_NAME, NAME].iter().map(|name| name.parse()).collect::<Result<Vec<Name>, labnet::Error>>();
        let options = CertificateOptions { names: names?, ..CertificateOptions::default() };
        directory.issue(ID, KeyKind::Rsa2048, None, &options)?;
        Ok(Self { folder, directory })
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.directory.certificate(ID)
    }

    /// The arguments of a PMU: its port, its certificate, its key.
    pub(crate) fn arguments(&self) -> [String; 3] {
        let text = |path: PathBuf| path.display().to_string();
        [PORT.to_owned(), text(self.certificate()), text(self.directory.key(ID))]
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.directory.ca_certificate()
    }

    pub(super) fn roots(&self) -> Result<Roots, ExperimentFailure> {
        Ok(Roots::load(&self.ca())?)
    }

    /// The folder of all these files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file beside the folder of the PMU.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder with all that is in `present`, but for the names of certificates and keys: they are ours. So a program
    /// that opens the files of the handout, or those with its author's number, finds certificates that are trusted here.
    pub(crate) fn workplace(&self, present: &Path) -> Result<PathBuf, ExperimentFailure> {
        let workplace = self.file("pmu");
        if workplace.exists() {
            return Ok(workplace);
        }
        fs::create_dir(&workplace)?;
        let entries: Vec<PathBuf> = match fs::read_dir(present) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).take(MAX_LINKS).collect(),
            Err(_) => Vec::new(),
        };
        let usual = [&HANDOUT[..], &["123456_cert.pem", "123456_key.pem", "cacert.pem"]].concat();
        let usual = usual.into_iter().map(|name| present.join(name));
        for file in usual.chain(entries) {
            let Some(name) = file.file_name() else { continue };
            let target = self.ours(&name.to_string_lossy()).unwrap_or_else(|| file.clone());
            // A name that is there already is ours.
            let _ = symlink(target, workplace.join(name));
        }
        Ok(workplace)
    }

    /// The file of ours that stands for one with this name.
    fn ours(&self, name: &str) -> Option<PathBuf> {
        if name.ends_with("cacert.pem") {
            Some(self.ca())
        } else if name.ends_with("cert.pem") {
            Some(self.certificate())
        } else if name.ends_with("key.pem") && !name.ends_with("cakey.pem") {
            Some(self.directory.key(ID))
        } else {
            None
        }
    }
}

/// A PMU that listens.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) program: ObservedProgram,
    pub(super) address: SocketAddr,
}

/// Starts the PMU on a host, and waits until it listens, on whichever port.
pub(super) fn start(
    session: &mut ExperimentSession<'_>,
    host: &Host,
    identity: &Identity,
) -> Result<Listening, ExperimentFailure> {
    let waiting = || sockets::waiting(sockets::Protocol::Tcp).ok();
    let before = host.run(waiting).unwrap_or_default();
    let arguments = identity.arguments();
    let files = arguments.each_ref().map(String::as_str);
    let role = ProgramRole::Part6Pmu;
    let mut program = if session.is_ours(role) {
        let (messages, first) = (session.settings().messages.to_string(), session.settings().first.to_string());
        let options = ["--bind", "0.0.0.0", "--messages", &messages, "--first", &first];
        session.start(host, role, &[&options[..], &files].concat())?
    } else {
        let workplace = identity.workplace(&session.others_folder()?)?;
        session.start_in(
            host,
            role,
            &files,
            Some(&workplace).filter(|_| !session.leaves_folder(role)).map(Path::new),
            Some(identity.folder()),
        )?
    };
    let new = move || waiting()?.into_iter().find(|address| !before.contains(address));
    // A runtime may take long to start on a busy machine.
    let address = poll_for(session.deadline(), host, &mut program, "open a TCP port", new)?;
    Ok(Listening { program, address })
}
