//! The folder of a certificate authority: init, request, sign, issue, and what is made at first use.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use labnet::{
    escape::Printable,
    file::{self, Permissions},
    tls::{self, Credentials, PemFile, Roots, TlsRole},
};
use rcgen::{CertificateParams, Issuer, KeyPair};
use time::OffsetDateTime;
use x509_parser::{certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer};

use crate::{Error, KeyKind, Name, Purpose, SignatureHash, faithful, files, profile, request::Request};

/// What remains of a certificate's time when it is renewed, in days.
const RENEW_DAYS: i64 = 7;

/// The folder of a certificate authority.
#[derive(Clone, Debug)]
pub struct CaDirectory {
    folder: PathBuf,
}

/// A CA to be made.
#[derive(Clone, Debug)]
pub struct CaOptions {
    /// The kind of its key.
    pub key: KeyKind,
    /// Its country.
    pub country: String,
    /// How long it is valid, in days.
    pub days: u32,
    /// Whether it may vouch for any name, instead of the lab's alone.
    pub any_name: bool,
}

impl Default for CaOptions {
    /// Ten years: a CA is renewed with all that it has issued.
    fn default() -> Self {
        Self { key: KeyKind::default(), country: "CH".to_owned(), days: 3650, any_name: false }
    }
}

/// What somebody wants of a certificate.
#[derive(Clone, Debug)]
pub struct CertificateOptions {
    /// The names it is for; by default those of the request, then those of [`Name::defaults`].
    pub names: Vec<Name>,
    /// By default by the subject's name.
    pub purpose: Option<Purpose>,
    /// How long it is valid, in days; never longer than the CA.
    pub days: u32,
    /// When that begins, in days from now; in the past for a certificate that is to have expired.
    pub starts_in: i32,
    /// How it is signed.
    pub signature: SignatureHash,
    /// Whether files may be replaced.
    pub force: bool,
}

impl Default for CertificateOptions {
    /// A year.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            purpose: None,
            days: 365,
            starts_in: 0,
            signature: SignatureHash::default(),
            force: false,
        }
    }
}

/// A certificate that was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its file.
    pub path: PathBuf,
    /// What was asked for and not granted.
    pub refused: Vec<Printable>,
}

impl CaDirectory {
    /// The CA in a folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The CA's certificate.
    pub fn ca_certificate(&self) -> PathBuf {
        self.folder.join("cacert.pem")
    }

    fn ca_key(&self) -> PathBuf {
        self.folder.join("cakey.pem")
    }

    /// The certificate file of a name.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}_cert.pem"))
    }

    /// The key file of a name.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}_key.pem"))
    }

    fn request_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.csr"))
    }

    /// Makes a CA: its key, and a certificate that it signs itself with SHA-256.
    ///
    /// # Errors
    /// [`Error::AuthorityExists`], or [`Error::Exists`] for a key alone, unless `force`; [`labnet::Error::File`], and
    /// `Credentials` for a folder that others may write.
    pub fn init(&self, authority: &CaOptions, force: bool) -> Result<PathBuf, Error> {
        files::prepare(&self.folder)?;
        let (certificate, key) = (self.ca_certificate(), self.ca_key());
        let in_use = |error| match error {
            Error::Exists { path } => Error::AuthorityExists { path },
            other => other,
        };
        files::check_free(&certificate, force).map_err(in_use)?;
        files::check_free(&key, force)?;
        let pair = authority.key.generate()?;
        let subject = profile::subject("Socket Lab CA", Some(&authority.country))?;
        let signed = profile::authority(subject, authority.days, authority.any_name).self_signed(&pair);
        let signed =
            signed.map_err(|error| labnet::Error::credentials(&certificate, format!("cannot be made: {error}")))?;
        // Both are written before either is in its place: a full device leaves neither.
        let staged_key = files::stage(&key, &pair.serialize_pem(), Permissions::Owner)?;
        let staged_certificate = files::stage(&certificate, &signed.pem(), Permissions::Everyone)?;
        files::place(staged_key, &key, force)?;
        files::place(staged_certificate, &certificate, force).map_err(in_use)?;
        Ok(certificate)
    }

    /// Makes a key, and a request for a certificate signed with it. A key that exists is used, not replaced.
    ///
    /// # Errors
    /// [`Error::Exists`] for the request unless `force`, [`labnet::Error::File`], and `Usage` for a name that is no file name.
    pub fn request(
        &self,
        name: &str,
        kind: KeyKind,
        country: Option<&str>,
        options: &CertificateOptions,
    ) -> Result<PathBuf, Error> {
        check_file_name(name)?;
        files::prepare(&self.folder)?;
        let (key, request) = (self.key(name), self.request_file(name));
        files::check_free(&request, options.force)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = profile::subject(name, country)?;
        let pair = key_pair(&key, kind)?;
        params.subject_alt_names = options.names.iter().map(Name::to_san).collect::<Result<_, _>>()?;
        let signed = params.serialize_request(&pair).and_then(|request| request.pem());
        let signed =
            signed.map_err(|error| labnet::Error::credentials(&request, format!("cannot be made: {error}")))?;
        files::write(&request, &signed, Permissions::Everyone, options.force)?;
        Ok(request)
    }

    /// Signs a request into `FILE_cert.pem` beside it.
    ///
    /// # Errors
    /// [`labnet::Error::Credentials`] for a damaged request or a name for which this CA may not vouch; [`Error::Exists`].
    pub fn sign(&self, request_file: &Path, options: &CertificateOptions) -> Result<Issued, Error> {
        for folder in [self.folder.as_path(), file::folder_of(request_file)] {
            if folder.exists() {
                files::check_folder(folder)?;
            }
        }
        let request = Request::read(request_file)?;
        let stem = request_file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = file::folder_of(request_file).join(format!("{stem}_cert.pem"));
        files::check_free(&path, options.force)?;

        let common_name = request.common_name().unwrap_or(stem);
        let names = [&options.names, &request.names].into_iter().find(|names| !names.is_empty());
        let names = names.cloned().unwrap_or_else(|| Name::defaults(&common_name));
        let purpose = options.purpose.or(request.purpose).unwrap_or_else(|| Purpose::default_of(&common_name));

        self.check_names(&names, &common_name, request_file)?;
        let ca_der = self.ca_der()?;
        let ca = parse(&self.ca_certificate(), &ca_der)?;
        let bad_ca = |complaint: String| labnet::Error::credentials(&self.ca_certificate(), complaint);
        faithful::check_issuer(ca.subject()).map_err(bad_ca)?;
        let mut valid = profile::in_days(options.starts_in, options.days);
        valid.end = valid.end.min(ca.validity().not_after.to_datetime());
        let bad = |error: rcgen::Error| labnet::Error::credentials(&self.ca_key(), format!("cannot sign: {error}"));
        let key = PemFile::read(self.existing(&self.ca_key())?)?.private_key()?;
        let key = profile::issuing_key(key.secret_der(), options.signature).map_err(bad)?;
        if key.public_key_raw() != &*ca.public_key().subject_public_key.data {
            return Err(labnet::Error::credentials(
                &self.ca_key(),
                "does not match the CA's certificate: make the CA anew, with --force",
            )
            .into());
        }
        let issuer = Issuer::from_ca_cert_der(&ca_der.as_slice().into(), key).map_err(bad)?;
        let params = profile::leaf(request.subject.clone(), &names, purpose, request.is_rsa, valid)?;
        let signed = params.signed_by(&request.key, &issuer).map_err(bad)?;
        if !faithful::has_issuer(signed.der(), ca.subject().as_raw()) {
            return Err(bad_ca("has a subject that cannot be written into a certificate as it is".to_owned()).into());
        }
        request
            .check_certificate(signed.der(), &names)
            .map_err(|fault| labnet::Error::credentials(request_file, fault))?;
        files::write(&path, &signed.pem(), Permissions::Everyone, options.force)?;
        Ok(Issued { path, refused: request.refused })
    }

    /// Makes a key, a request and a certificate.
    ///
    /// # Errors
    /// Those of [`request`](Self::request) and [`sign`](Self::sign).
    pub fn issue(
        &self,
        name: &str,
        kind: KeyKind,
        country: Option<&str>,
        options: &CertificateOptions,
    ) -> Result<Issued, Error> {
        files::check_free(&self.certificate(name), options.force)?;
        // What will not be signed leaves no key behind.
        self.check_names(&options.names, name, &self.certificate(name))?;
        let request = self.request(name, kind, country, &CertificateOptions { force: true, ..options.clone() })?;
        self.sign(&request, options)
    }

    /// Makes sure that the folder has a CA and certificates for `names`, each valid for another week: makes or renews
    /// what is missing. Several processes may call this at once.
    ///
    /// # Errors
    /// Those of [`init`](Self::init) and [`issue`](Self::issue).
    pub fn ensure(&self, names: &[&str]) -> Result<(), Error> {
        files::prepare(&self.folder)?;
        let _lock = files::lock(&self.folder)?;
        let renew_ca = !is_fresh(&self.ca_certificate()) || !self.ca_key().exists();
        if renew_ca {
            self.init(&CaOptions::default(), true)?;
        }
        for name in names {
            if renew_ca || !self.is_good(name) {
                self.issue(
                    name,
                    KeyKind::default(),
                    None,
                    &CertificateOptions { force: true, ..CertificateOptions::default() },
                )?;
            }
        }
        Ok(())
    }

    /// Whether the folder has the CA's certificate, and certificate and key of a name.
    pub fn holds(&self, name: &str) -> bool {
        [self.ca_certificate(), self.certificate(name), self.key(name)].iter().all(|file| file.exists())
    }

    /// Makes what the folder lacks of a CA and of a key and certificate for each of `names`: all of it or nothing. What is
    /// there is left as it is, good or bad. Several processes may call this at once.
    ///
    /// The certificates are those of the secure channel: signed with SHA-384, as its handout has it, and valid as long as
    /// the CA, ten years, as nobody renews them.
    ///
    /// # Errors
    /// [`labnet::Error::Credentials`] for a part that cannot be completed, such as a certificate without its key; `File`.
    pub fn complete(&self, names: &[&str]) -> Result<(), Error> {
        // What is incomplete now may be what another process is about to complete.
        if self.lacks(names).is_ok_and(|lacking| lacking.is_empty()) {
            return Ok(());
        }
        let is_new = !self.folder.exists();
        files::prepare(&self.folder)?;
        let made = files::lock(&self.folder).map_err(Error::from).and_then(|_lock| self.make(&self.lacks(names)?));
        if made.is_err() && is_new {
            // Only if it is empty: what cannot be made leaves nothing behind.
            let _ = std::fs::remove_dir(&self.folder);
        }
        made
    }

    /// Which of `names` have no certificate or key; with an empty name when there is no CA either.
    fn lacks<'n>(&self, names: &[&'n str]) -> Result<Vec<&'n str>, Error> {
        let (ca, ca_key) = (self.ca_certificate(), self.ca_key());
        let mut lacking: Vec<&str> = if ca.exists() { Vec::new() } else { vec![""] };
        for &name in names {
            let (certificate, key) = (self.certificate(name), self.key(name));
            match (certificate.exists(), key.exists()) {
                (true, true) => {}
                (false, _) => lacking.push(name),
                (true, false) => return Err(incomplete(&certificate, &key)),
            }
        }
        match (ca.exists(), ca_key.exists()) {
            (true, false) if !lacking.is_empty() => Err(incomplete(&ca, &ca_key)),
            (false, true) => Err(incomplete(&ca_key, &ca)),
            (false, false) => match names.iter().find(|name| self.certificate(name).exists()) {
                Some(name) => Err(incomplete(&self.certificate(name), &ca)),
                None => Ok(lacking),
            },
            _ => Ok(lacking),
        }
    }

    /// Makes what is lacking in a folder of its own, then moves it here.
    fn make(&self, lacking: &[&str]) -> Result<(), Error> {
        if lacking.is_empty() {
            return Ok(());
        }
        let failed = |source| files::error("make a folder in", &self.folder, source);
        let workshop = files::workshop(&self.folder).map_err(failed)?;
        let directory = Self::new(workshop.path());
        let mut finished = Vec::new();
        let signer = if self.ca_certificate().exists() {
            self
        } else {
            directory.init(&CaOptions::default(), false)?;
            finished.push((directory.ca_key(), self.ca_key()));
            finished.push((directory.ca_certificate(), self.ca_certificate()));
            &directory
        };
        let options = CertificateOptions {
            days: CaOptions::default().days,
            signature: SignatureHash::Sha384,
            ..CertificateOptions::default()
        };
        for name in lacking.iter().filter(|name| !name.is_empty()) {
            // A key that was made for a request is used.
            if self.key(name).exists() {
                files::write(&directory.key(name), &files::read(&self.key(name))?, Permissions::Owner, false)?;
            } else {
                finished.push((directory.key(name), self.key(name)));
            }
            let request = directory.request(name, KeyKind::default(), None, &options)?;
            signer.sign(&request, &options)?;
            finished.push((directory.certificate(name), self.certificate(name)));
        }
        Ok(files::move_all(&finished)?)
    }

    /// Refuses names for which the CA's own certificate does not let it vouch.
    fn check_names(&self, names: &[Name], common_name: &str, asker: &Path) -> Result<(), Error> {
        let ca = self.ca_der()?;
        let ca = parse(&self.ca_certificate(), &ca)?;
        let constraints = ca.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::NameConstraints(constraints) => Some(constraints),
            _ => None,
        });
        let Some(constraints) = constraints else { return Ok(()) };
        // Of a certificate for addresses alone some take the common name for a DNS name, if it looks like one.
        let has_dns_name = names.iter().any(|name| matches!(name, Name::Dns(_)));
        let is_mistaken = !has_dns_name && !names.is_empty() && common_name.contains('.');
        let common_name = is_mistaken.then(|| common_name.parse::<Name>().ok()).flatten();
        match names.iter().chain(&common_name).find(|name| !name.is_permitted_by(constraints)) {
            None => Ok(()),
            Some(name) => Err(labnet::Error::credentials(
                asker,
                format!(
                    "asks for the name {name}, for which this CA may not vouch: only for localhost, server, client, \
                     names under .test and .example, and loopback addresses (a CA made with `ttp init --any-name` may)"
                ),
            )
            .into()),
        }
    }

    /// Whether a name has a certificate of this CA that is valid for another week, and its key.
    fn is_good(&self, name: &str) -> bool {
        let (certificate, key) = (self.certificate(name), self.key(name));
        let role = if Purpose::default_of(name) == Purpose::Client { TlsRole::Client } else { TlsRole::Server };
        let is_of_this_ca = || {
            let roots = Roots::load(&self.ca_certificate())?;
            let chain = tls::read_certificates(&certificate)?;
            let is_verified = tls::verify_chain(&chain, &roots, role, None, SystemTime::now()).is_ok();
            Ok::<_, labnet::Error>(is_verified && Credentials::load(&certificate, &key).is_ok())
        };
        is_fresh(&certificate) && is_of_this_ca().unwrap_or(false)
    }

    fn ca_der(&self) -> Result<Vec<u8>, Error> {
        Ok(first_certificate(self.existing(&self.ca_certificate())?)?)
    }

    fn existing<'p>(&self, path: &'p Path) -> Result<&'p Path, Error> {
        if path.exists() { Ok(path) } else { Err(Error::NoAuthority { folder: self.folder.display().to_string() }) }
    }
}

fn incomplete(there: &Path, lacking: &Path) -> Error {
    labnet::Error::credentials(
        there,
        format!("is there without {}: put that beside it, or remove it to have all made anew", lacking.display()),
    )
    .into()
}

/// Whether a certificate can be read and is valid for another week.
fn is_fresh(path: &Path) -> bool {
    let valid_until = || {
        let certificate = first_certificate(path).ok()?;
        Some(parse(path, &certificate).ok()?.validity().not_after.to_datetime())
    };
    valid_until().is_some_and(|until| until - OffsetDateTime::now_utc() > time::Duration::days(RENEW_DAYS))
}

/// The key in a file, made first if there is none; when another process makes it meanwhile, that one.
fn key_pair(path: &Path, kind: KeyKind) -> Result<KeyPair, Error> {
    if !path.exists() {
        let pair = kind.generate()?;
        match files::write(path, &pair.serialize_pem(), Permissions::Owner, false) {
            Err(Error::Exists { .. }) => {}
            written => return written.map(|()| pair),
        }
    }
    let key = PemFile::read(path)?.private_key()?;
    let bad = |_| {
        labnet::Error::credentials(path, "is no private key that can be used here: remove it to have a new one made")
    };
    Ok(KeyPair::try_from(key.secret_der()).map_err(bad)?)
}

/// The first certificate of a file, in DER.
fn first_certificate(path: &Path) -> Result<Vec<u8>, labnet::Error> {
    Ok(PemFile::read(path)?.certificates()?.first().map(|certificate| certificate.to_vec()).unwrap_or_default())
}

pub(crate) fn parse<'a>(path: &Path, der: &'a [u8]) -> Result<X509Certificate<'a>, labnet::Error> {
    let damaged = |_| labnet::Error::credentials(path, "is a damaged certificate");
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(damaged)
}

/// A name becomes file names, and a common name of at most 64 characters (RFC 5280, appendix A.1).
fn check_file_name(name: &str) -> Result<(), labnet::Error> {
    let plain = |character: char| character.is_alphanumeric() || "-_.@".contains(character);
    if (1..=64).contains(&name.chars().count()) && name.chars().all(plain) && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(labnet::Error::Usage(format!(
        "'{}' is no name for files: expected letters, digits, '-', '_', '.' or '@'",
        name
    )))
}
