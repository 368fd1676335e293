//! The certificate authorities that a client trusts: from a file, a folder, the system, or the list of Mozilla.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use labnet::{
    Error,
    cli::Diagnostics,
    tls::{self, PemFile, Roots},
};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};

/// Where systems keep the authorities that they trust: the place of the source first.
const SYSTEM: [&str; 4] = ["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/ssl/cert.pem", "/usr/local/share/certs"];

/// The most files that a folder of certificates may have (ours: systems have a few hundred).
const MAX_FILES: usize = 10_000;

/// Whom to trust; by default the system, or Mozilla's list where the system has none.
#[derive(Args, Clone, Debug, Default)]
pub struct AnchorOptions {
    /// Trust the certificates in a PEM file
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// Trust the certificates in a folder: plain PEM files, or OpenSSL's layout (HASH.0)
    #[arg(long, value_name = "DIR")]
    cadir: Option<PathBuf>,
    /// Trust a public list [default: system, where there is one]
    #[arg(long, value_enum)]
    roots: Option<List>,
}

/// A public list of authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum List {
    /// The system's own (/etc/ssl/certs)
    System,
    /// Mozilla's, as it was when this program was built
    Webpki,
}

/// The authorities that are trusted.
#[derive(Clone, Debug)]
pub struct Anchors {
    roots: Roots,
    origin: String,
    passed_over: Vec<String>,
}

impl AnchorOptions {
    /// Reads them.
    ///
    /// # Errors
    /// [`Error::File`], or [`Error::Credentials`] for a file or folder without a certificate that can be used.
    pub fn load(&self) -> Result<Anchors, Error> {
        let mut certificates = Vec::new();
        let mut origins = Vec::new();
        let mut passed_over = Vec::new();
        if let Some(file) = &self.cafile {
            certificates.extend(tls::read_certificates(file)?);
            origins.push(file.display().to_string());
        }
        if let Some(folder) = &self.cadir {
            certificates.extend(read_folder(folder, &mut passed_over)?);
            origins.push(folder.display().to_string());
        }
        let is_named = !origins.is_empty();
        let system = SYSTEM.iter().map(Path::new).find(|path| path.exists());
        let mut public = None;
        match (self.roots, system) {
            (None, _) if is_named => {}
            (None | Some(List::System), Some(system)) => {
                certificates.extend(if system.is_dir() {
                    // Not the user's to mend.
                    read_folder(system, &mut Vec::new())?
                } else {
                    tls::read_certificates(system)?
                });
                origins.push(system.display().to_string());
            }
            (Some(List::System), None) => {
                return Err(Error::credentials(Path::new(SYSTEM[0]), "is not there; try --roots webpki"));
            }
            (None | Some(List::Webpki), _) => {
                public = Some(Roots::public());
                origins.push("Mozilla's list".to_owned());
            }
        }
        let mut seen = HashSet::new();
        certificates.retain(|certificate| seen.insert(certificate.clone()));
        let roots = Roots::of(certificates.into_iter().map(CertificateDer::from));
        let roots = public.map_or_else(|| roots.clone(), |public| roots.and(&public));
        let origin = origins.join(" and ");
        if roots.is_empty() {
            return Err(Error::credentials(Path::new(&origin), "holds no CA certificate that can be used"));
        }
        Ok(Anchors { roots, origin, passed_over })
    }
}

impl Anchors {
    /// For a verifier.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Warns of each file of the user's folder that could not be used.
    pub fn warn(&self, err: &Diagnostics) {
        self.passed_over.iter().for_each(|why| err.warn(format_args!("passed over: {why}")));
    }

    /// Where they were read.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The trust anchor of a verified chain.
    pub fn anchor_of(&self, chain: &[CertificateDer<'_>]) -> Option<TrustAnchor<'static>> {
        let (leaf, intermediates) = chain.split_first()?;
        tls::verify_server_chain(leaf, intermediates, &self.roots, UnixTime::now()).ok()
    }
}

/// Every certificate of a folder. A file without one is passed over, one that is damaged is told of, too.
fn read_folder(folder: &Path, passed_over: &mut Vec<String>) -> Result<Vec<Vec<u8>>, Error> {
    let failed = |source| Error::File { attempt: "read", path: folder.display().to_string(), source };
    let mut certificates = Vec::new();
    // OpenSSL's HASH.0 are links to files beside them.
    let mut seen = HashSet::new();
    for (at, entry) in fs::read_dir(folder).map_err(failed)?.enumerate() {
        if at == MAX_FILES {
            passed_over.push(format!("{} has more than {MAX_FILES} files: the others are not read", folder.display()));
            break;
        }
        let path = entry.map_err(failed)?.path();
        if !path.is_file() || !seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            continue;
        }
        match PemFile::read(&path) {
            Ok(file) => {
                let of_file = file.certificates().unwrap_or_default();
                if of_file.iter().any(|certificate| Roots::of([certificate.clone()]).is_empty()) {
                    passed_over.push(format!("{}: holds a certificate that is damaged", path.display()));
                }
                certificates.extend(of_file.iter().map(|certificate| certificate.to_vec()));
            }
            Err(error) => passed_over.push(error.to_string()),
        }
    }
    passed_over.sort_unstable();
    if certificates.is_empty() {
        Err(Error::credentials(folder, "holds no file with a certificate (PEM)"))
    } else {
        Ok(certificates)
    }
}
