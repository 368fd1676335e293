//! What the CA makes at first use for the secure channel: all that lacks or nothing, and certificates out of season.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use lab_process::Program;
use lab_test::PATIENCE;
use labnet::tls::{self, Credentials, Roots, TlsRole};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, Error, KeyKind, Purpose};
use x509_parser::{certificate::X509Certificate, pem::parse_x509_pem};

const DAY: i64 = 24 * 3600;

/// Those of the channel.
const NAMES: [&str; 2] = ["server", "client"];

/// What is there when all is.
const FILES: [&str; 6] =
    ["cacert.pem", "cakey.pem", "client_cert.pem", "client_key.pem", "server_cert.pem", "server_key.pem"];

/// A folder to work in; that of the CA is `certs` in it.
struct Place(TempDir);

impl Place {
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With all that the channel needs, the same for everyone.
    fn complete() -> Self {
        static TEXTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
        let texts = TEXTS.get_or_init(|| {
            let place = Self::empty();
            place.directory().complete(&NAMES).unwrap();
            place.files()
        });
        let place = Self::empty();
        fs::create_dir(place.certs()).unwrap();
        for (file, text) in texts {
            fs::write(place.certs().join(file), text).unwrap();
        }
        place
    }

    /// The same without some files.
    fn lacking(files: &[&str]) -> Self {
        let place = Self::complete();
        files.iter().for_each(|file| fs::remove_file(place.certs().join(file)).unwrap());
        place
    }

    /// With a CA alone, whose key is of the kind that is quickly made.
    fn with_ca() -> Self {
        let place = Self::empty();
        place.directory().init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        place
    }

    fn certs(&self) -> PathBuf {
        self.0.path().join("certs")
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.certs())
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.certs().join(file), text).unwrap();
    }

    /// Everything in the folder, hidden things and folders included; a folder or a broken link holds nothing.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.certs()) else { return BTreeMap::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        paths.map(|path| (name(&path), fs::read(&path).unwrap_or_default())).collect()
    }

    fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    /// What `complete` makes; all that was there is left as it was.
    fn completed(&self) -> Vec<String> {
        let before = self.files();
        self.directory().complete(&NAMES).unwrap();
        let after = self.files();
        assert!(before.iter().all(|(file, text)| after.get(file) == Some(text)), "{:?}", before.keys());
        after.into_keys().filter(|file| !before.contains_key(file)).collect()
    }

    /// `complete` fails with each of `words`, and all is as it was.
    fn refused(&self, names: &[&str], words: &[&str]) -> Error {
        let before = self.files();
        let error = self.directory().complete(names).unwrap_err();
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "no {words:?} in: {text}");
        assert!(!text.contains(".making-"), "names what nobody can find: {text}");
        assert!(self.files() == before, "{:?} became {:?}", before.keys(), self.names());
        error
    }

    /// Whether both parties can prove themselves.
    fn check_proves(&self) {
        let directory = self.directory();
        let roots = Roots::load(&directory.ca_certificate()).unwrap();
        for (name, role) in [("server", TlsRole::Server), ("client", TlsRole::Client)] {
            tls::verify_file(&directory.certificate(name), &roots, role, Some(name)).unwrap();
            Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap();
        }
    }

    /// What a certificate says of something.
    fn certificate<T>(&self, file: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let (_, pem) = parse_x509_pem(&fs::read(self.certs().join(file)).unwrap()).unwrap();
        look(&pem.parse_x509().unwrap())
    }

    /// From when until when a certificate is valid, in seconds from now.
    fn valid(&self, file: &str) -> (i64, i64) {
        let now = x509_parser::time::ASN1Time::now().timestamp();
        self.certificate(file, |certificate| {
            let valid = certificate.validity();
            (valid.not_before.timestamp() - now, valid.not_after.timestamp() - now)
        })
    }
}

// What lacks.

#[test]
fn all_is_made_with_keys_for_their_owner_alone_and_nothing_else() {
    let place = Place::empty();
    assert_eq!(place.completed(), FILES);
    let mode = |file: &str| fs::metadata(place.certs().join(file)).unwrap().permissions().mode() & 0o7777;
    for file in FILES {
        assert_eq!(mode(file), if file.ends_with("key.pem") { 0o600 } else { 0o644 }, "{file}");
    }
    place.check_proves();
    for (name, purpose) in [("server", TlsRole::Client), ("client", TlsRole::Server)] {
        let roots = Roots::load(&place.directory().ca_certificate()).unwrap();
        assert!(tls::verify_file(&place.directory().certificate(name), &roots, purpose, None).is_err(), "{name}");
    }
}

#[test]
fn a_folder_may_lie_deep_and_be_there_already() {
    let place = Place::empty();
    let deep = place.0.path().join("a/b/c");
    CaDirectory::new(&deep).complete(&[]).unwrap();
    let mut names: Vec<_> = fs::read_dir(&deep).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    // A CA, and nobody to vouch for.
    assert_eq!(names, ["cacert.pem", "cakey.pem"]);
    fs::create_dir(place.certs()).unwrap();
    assert_eq!(place.completed(), FILES);
}

#[test]
fn certificates_are_signed_with_sha_384_and_valid_as_long_as_the_ca_for_ten_years() {
    let place = Place::complete();
    let (_, ca_ends) = place.valid("cacert.pem");
    for file in ["server_cert.pem", "client_cert.pem"] {
        let (begins, ends) = place.valid(file);
        assert!(begins < 0 && ends > 3649 * DAY && ends <= ca_ends, "{file}: {begins}, {ends}, {ca_ends}");
        let shown = ttp::show(&place.certs().join(file)).unwrap();
        assert!(shown.contains("sha384WithRSAEncryption"), "as the secure channel's handout has it: {shown}");
    }
    // Also as long as one that ends sooner.
    let place = Place::empty();
    place.directory().init(&CaOptions { key: KeyKind::P256, days: 20, ..CaOptions::default() }, false).unwrap();
    place.completed();
    assert!((place.valid("client_cert.pem").1 - 20 * DAY).abs() < DAY);
}

#[test]
fn what_is_there_is_left_as_it_is_good_or_bad() {
    assert_eq!(Place::complete().completed(), [""; 0]);
    for (file, text) in
        [("server_cert.pem", "garbage"), ("client_key.pem", ""), ("cacert.pem", "garbage"), ("cakey.pem", "")]
    {
        let place = Place::complete();
        place.write(file, text);
        assert_eq!(place.completed(), [""; 0], "{file}");
    }
    let place = Place::complete();
    place.directory().issue("server", KeyKind::P256, None, &expired()).unwrap();
    assert_eq!(place.completed(), [""; 0]);
    // Nobody needs the CA's key any more.
    assert_eq!(Place::lacking(&["cakey.pem"]).completed(), [""; 0]);
}

#[test]
fn what_lacks_is_made_with_the_ca_that_is_there() {
    for (lacks, made) in [
        (&["client_cert.pem", "client_key.pem"][..], &["client_cert.pem", "client_key.pem"][..]),
        (&["server_cert.pem", "server_key.pem"], &["server_cert.pem", "server_key.pem"]),
        // A key is used that is there.
        (&["client_cert.pem"], &["client_cert.pem"]),
        (&["server_cert.pem", "client_cert.pem"], &["client_cert.pem", "server_cert.pem"]),
        // Nothing was issued by the CA that is gone.
        (
            &["cacert.pem", "cakey.pem", "server_cert.pem", "client_cert.pem"],
            &["cacert.pem", "cakey.pem", "client_cert.pem", "server_cert.pem"],
        ),
    ] {
        let place = Place::lacking(lacks);
        assert_eq!(place.completed(), made, "without {lacks:?}");
        place.check_proves();
    }
    let place = Place::with_ca();
    assert_eq!(place.completed(), FILES[2..]);
    place.check_proves();
}

#[test]
fn a_key_that_was_made_for_a_request_is_used() {
    for kind in ["rsa-2048", "p-256"] {
        let place = Place::with_ca();
        let mut ttp = Command::new(env!("CARGO_BIN_EXE_ttp"));
        ttp.args(["request", "server", "--key", kind]).current_dir(place.0.path());
        let outcome = Program::spawn(ttp).unwrap().finish(PATIENCE).unwrap();
        assert_eq!((outcome.code(), outcome.stderr()), (0, String::new()));
        assert_eq!(place.completed(), ["client_cert.pem", "client_key.pem", "server_cert.pem"], "{kind}");
        place.check_proves();
        assert!(place.names().contains(&"server.csr".to_owned()));
    }
}

#[test]
fn a_later_name_joins_those_that_are_there() {
    let place = Place::complete();
    let before = place.files();
    place.directory().complete(&["server", "client", "pmu"]).unwrap();
    let after = place.files();
    let made: Vec<_> = after.keys().filter(|file| !before.contains_key(*file)).collect();
    assert_eq!(made, ["pmu_cert.pem", "pmu_key.pem"]);
    assert!(before.iter().all(|(file, text)| after.get(file) == Some(text)));
}

// What cannot be completed.

#[test]
fn a_certificate_without_its_key_is_refused_by_name() {
    for name in NAMES {
        let (certificate, key) = (format!("certs/{name}_cert.pem"), format!("certs/{name}_key.pem"));
        let place = Place::lacking(&[&format!("{name}_key.pem")]);
        place.refused(&NAMES, &[&certificate, "is there without", &key]);
        // Whatever else lacks.
        fs::remove_file(place.certs().join("cakey.pem")).unwrap();
        place.refused(&NAMES, &[&certificate, "is there without", &key]);
    }
}

#[test]
fn a_ca_without_its_key_can_vouch_for_nobody_and_is_refused_by_name() {
    for lacks in [&["client_cert.pem"][..], &["client_cert.pem", "client_key.pem"], &["server_cert.pem"], &FILES[2..]] {
        let place = Place::lacking(&[&["cakey.pem"], lacks].concat());
        place.refused(&NAMES, &["certs/cacert.pem", "is there without", "certs/cakey.pem"]);
    }
}

#[test]
fn a_key_or_certificates_without_their_ca_are_refused_by_name() {
    let place = Place::lacking(&["cacert.pem"]);
    place.refused(&NAMES, &["certs/cakey.pem", "is there without", "certs/cacert.pem"]);
    let place = Place::lacking(&["cacert.pem", "cakey.pem"]);
    place.refused(&NAMES, &["certs/server_cert.pem", "is there without", "certs/cacert.pem"]);
    let place = Place::lacking(&["cacert.pem", "cakey.pem", "server_cert.pem", "server_key.pem"]);
    place.refused(&NAMES, &["certs/client_cert.pem", "is there without", "certs/cacert.pem"]);
}

#[test]
fn a_ca_that_is_damaged_or_not_its_keys_makes_nothing() {
    let lacks = ["client_cert.pem", "client_key.pem"];
    for (file, text) in [("cacert.pem", "garbage"), ("cacert.pem", ""), ("cakey.pem", "garbage"), ("cakey.pem", "")] {
        let place = Place::lacking(&lacks);
        place.write(file, text);
        let error = place.directory().complete(&NAMES).unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
        assert_eq!(place.names(), [&FILES[..2], &FILES[4..]].concat());
    }
    let (place, other) = (Place::lacking(&lacks), Place::with_ca());
    fs::copy(other.certs().join("cakey.pem"), place.certs().join("cakey.pem")).unwrap();
    let error = place.directory().complete(&NAMES).unwrap_err();
    assert!(error.to_string().contains("does not match the CA's certificate"), "{error}");
    assert_eq!(place.names(), [&FILES[..2], &FILES[4..]].concat());
}

#[test]
fn a_file_that_cannot_be_placed_takes_the_others_back() {
    // A link to nowhere is no file, but it is in the way.
    for file in FILES {
        let place = Place::empty();
        fs::create_dir(place.certs()).unwrap();
        symlink("nowhere", place.certs().join(file)).unwrap();
        let error = place.refused(&NAMES, &[&format!("certs/{file}")]);
        assert!(matches!(error, Error::Lab(labnet::Error::File { .. })), "{error}");
    }
}

#[test]
fn a_name_that_is_no_file_name_leaves_nothing_behind() {
    let place = Place::empty();
    let error = place.refused(&["../server"], &["../server"]);
    assert!(matches!(error, Error::Lab(labnet::Error::Usage(_))), "{error}");
    assert!(!place.certs().exists());
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_a_file_or_that_others_can_write_is_refused() {
    let place = Place::empty();
    fs::write(place.certs(), "").unwrap();
    place.refused(&NAMES, &["certs"]);
    for mode in [0o777, 0o775, 0o757] {
        let place = Place::lacking(&["client_cert.pem", "client_key.pem"]);
        fs::set_permissions(place.certs(), fs::Permissions::from_mode(mode)).unwrap();
        place.refused(&NAMES, &["certs: ", "others may write", "chmod"]);
    }
    // As in /tmp, only its owner can move a file there.
    let place = Place::lacking(&["client_cert.pem"]);
    fs::set_permissions(place.certs(), fs::Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(place.completed(), ["client_cert.pem"]);
}

// Several at once.

#[test]
fn several_may_complete_at_once_and_each_finds_all_of_it() {
    for _ in 0..5 {
        let place = Place::empty();
        let found = thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        place.directory().complete(&NAMES).unwrap();
                        place.check_proves();
                        FILES.map(|file| fs::read(place.certs().join(file)).unwrap())
                    })
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(found.iter().all(|texts| *texts == found[0]));
        assert_eq!(place.names(), FILES);
    }
}

#[test]
fn several_may_complete_different_names_at_once() {
    let place = Place::with_ca();
    thread::scope(|scope| {
        for names in [["server", "client"], ["client", "pmu"], ["pmu", "server"]] {
            let directory = place.directory();
            scope.spawn(move || {
                directory.complete(&names).unwrap();
                names.iter().for_each(|name| {
                    drop(Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap())
                });
            });
        }
    });
    assert_eq!(place.names().len(), 2 + 2 * 3, "{:?}", place.names());
}

#[test]
fn what_another_has_begun_to_place_is_waited_for() {
    let (place, whole) = (Place::empty(), Place::complete());
    fs::create_dir(place.certs()).unwrap();
    // As another process does it: under the folder's lock, one file after the other, the CA's key first.
    let lock = fs::File::open(place.certs()).unwrap();
    lock.lock().unwrap();
    let put = |file: &str| {
        fs::copy(whole.certs().join(file), place.certs().join(file)).unwrap();
    };
    put("cakey.pem");
    thread::scope(|scope| {
        let other = scope.spawn(|| place.directory().complete(&NAMES));
        // An error comes at once, and waiting has no end before the lock's.
        let until = Instant::now() + Duration::from_millis(500);
        while !other.is_finished() && Instant::now() < until {
            thread::yield_now();
        }
        FILES.iter().filter(|file| **file != "cakey.pem").for_each(|file| put(file));
        drop(lock);
        other.join().unwrap().unwrap();
    });
    assert!(place.files() == whole.files(), "{:?}", place.names());
}

#[test]
fn a_ca_that_cannot_be_used_is_named_where_it_lies() {
    for file in ["cacert.pem", "cakey.pem"] {
        let place = Place::lacking(&["client_cert.pem"]);
        place.write(file, "garbage");
        place.refused(&NAMES, &[&format!("certs/{file}: ")]);
    }
}

// Certificates out of season.

/// A certificate that was valid for a day, a month ago.
fn expired() -> CertificateOptions {
    CertificateOptions { starts_in: -30, days: 1, force: true, ..CertificateOptions::default() }
}

#[test]
fn a_certificate_may_begin_in_the_past_or_the_future() {
    let place = Place::with_ca();
    let (directory, roots) = (place.directory(), Roots::load(&place.directory().ca_certificate()).unwrap());
    for (starts_in, days, verdict) in [
        (0, 1, Ok(())),
        (-30, 31, Ok(())),
        (-30, 1, Err("expired")),
        (-365, 364, Err("expired")),
        (30, 1, Err("not valid yet")),
        (1, 365, Err("not valid yet")),
    ] {
        let options = CertificateOptions {
            starts_in,
            days,
            force: true,
            purpose: Some(Purpose::Both),
            ..CertificateOptions::default()
        };
        directory.issue("server", KeyKind::P256, None, &options).unwrap();
        let (begins, ends) = place.valid("server_cert.pem");
        // An hour earlier, for clocks that are behind.
        let expected = i64::from(starts_in) * DAY;
        assert!((begins - expected + 3600).abs() < 600, "{starts_in}: {begins}");
        assert!((ends - expected - i64::from(days) * DAY).abs() < 600, "{starts_in}, {days}: {ends}");
        let verified = tls::verify_file(&directory.certificate("server"), &roots, TlsRole::Server, Some("server"));
        match (verified, verdict) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{error}"),
            (verified, _) => panic!("{starts_in}, {days}: {verified:?}"),
        }
    }
}

#[test]
fn no_certificate_is_valid_for_longer_than_its_ca() {
    let place = Place::with_ca();
    let (_, ca_ends) = place.valid("cacert.pem");
    for (starts_in, days) in [(0, 4000), (3640, 365), (-10, 3660)] {
        let options = CertificateOptions { starts_in, days, force: true, ..CertificateOptions::default() };
        place.directory().issue("server", KeyKind::P256, None, &options).unwrap();
        assert!((place.valid("server_cert.pem").1 - ca_ends).abs() < 600, "{starts_in}, {days}");
    }
}
