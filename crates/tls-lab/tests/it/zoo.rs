//! tls-client in the zoo: accepts and refuses what the table says, each time with a reason that a student understands.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use lab_process::Outcome;
use lab_test::run;
use labnet::net::ClientLimits;
use mock_servers::{
    Running, ServerSettings,
    zoo::{self, Case, Class, Expectation, cases},
};

use crate::CLIENT;

/// How long the client waits for those who never answer.
const GIVES_UP_AFTER: &str = "10";

struct Zoo {
    running: Running,
    ca: PathBuf,
    _folder: tempfile::TempDir,
}

impl Zoo {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("zoo_cacert.pem");
        // More patient than the client.
        let limits = ClientLimits { silence: Duration::from_secs(30), ..ClientLimits::default() };
        let site = ServerSettings { limits, ..ServerSettings::default() };
        let running = zoo::spawn(&zoo::Config { port: 0, ca: ca.clone() }, &site).unwrap();
        Self { running, ca, _folder: folder }
    }

    fn visit(&self, case: &Case, options: &[&str]) -> Outcome {
        let (port, ca) = (self.running.address().port().to_string(), self.ca.to_str().unwrap());
        let common = [case.name, &port, "--connect", "127.0.0.1", "--cafile", ca, "--timeout", GIVES_UP_AFTER];
        let page = ["--http", "/", "--output", "-"];
        run(CLIENT, &[&common[..], &page, options].concat())
    }
}

/// What the error says, one of these at least, for each class of defect.
fn words(class: Class) -> &'static [&'static str] {
    match class {
        Class::Good => &[],
        Class::Expired => &["has a certificate that expired"],
        Class::NotYetValid => &["not valid yet"],
        Class::WrongHost => &["but its certificate is for ", "names no server"],
        Class::UnknownIssuer => &["of an unknown CA"],
        Class::SelfSigned => &["that it signed itself"],
        Class::Purpose => &["for another purpose", "key may not sign"],
        Class::WeakKey => &["a weak key: RSA with 1024 bits"],
        Class::WeakSignature => &["too weak or unknown (such as SHA-1)"],
        Class::BadSignature => &["signature is not that of the CA"],
        Class::KeyMismatch => &["another key than that of its certificate"],
        Class::Malformed => &["damaged", "serial number", "version 1", "without a subject", "two different"],
        Class::NameConstraints => &["a name for which its CA may not vouch"],
        Class::PathLength => &["longer than its CA allows"],
        Class::ChainTooLong => &["more certificates than are followed"],
        Class::NotACa => &["signed by something that is no CA", "does not let it sign", "version 1"],
        Class::CaAsLeaf => &["presented a CA certificate as its own"],
        Class::CriticalExtension => &["a critical extension that is not understood"],
        Class::NoCertificate => &["presented no certificate"],
        Class::ProtocolVersion => &["only an old TLS version", "alert protocol_version"],
        Class::NoCommonSuite => &["alert handshake_failure"],
        Class::IllegalParameter | Class::UnexpectedMessage => &["broke the rules of TLS"],
        Class::Tampered => &["cannot be decrypted"],
        Class::BadRecord => &["broke the rules of TLS", "does not speak TLS"],
        Class::NotTls => &["does not speak TLS"],
        Class::HandshakeCut => &["closed the connection within the TLS handshake"],
        Class::Reset => &["reset the connection within the TLS handshake"],
        Class::Alert => &["refused the handshake with the alert "],
        Class::Silence => &["did not finish the TLS handshake in time"],
        Class::NoCloseNotify => &["without close_notify"],
        new => panic!("{new:?} has no words yet"),
    }
}

fn check(zoo: &Zoo, case: &Case) -> Result<(), String> {
    let outcome = zoo.visit(case, &[]);
    let stderr = outcome.stderr();
    let wrong = |why: &str| Err(format!("{}: {why}: status {}, {stderr}", case.name, outcome.code()));
    if case.expected == Expectation::Accept {
        return if outcome.code() == 0 && !outcome.stdout.is_empty() { Ok(()) } else { wrong("must be accepted") };
    }
    let Some(error) = stderr.lines().find_map(|line| line.strip_prefix("error: ")) else {
        return wrong("must be refused");
    };
    // What Rust prints of its own types is not for people.
    let is_for_people = !error.contains("InvalidCertificate") && !error.contains("not acceptable") && error.is_ascii()
        || case.name.contains("unicode");
    let has_both_names = case.class != Class::WrongHost || error.contains(&format!("{} ", case.name));
    let says_it = words(case.class).iter().any(|words| error.contains(words));
    match outcome.code() == 1 && is_for_people && has_both_names && says_it {
        true => Ok(()),
        false => wrong("must be refused in other words"),
    }
}

#[test]
fn every_case_is_accepted_or_refused_as_the_table_says_and_for_its_reason() {
    let (zoo, next) = (Zoo::open(), AtomicUsize::new(0));
    assert!(cases().len() >= 60, "{} cases", cases().len());
    let visit = || {
        let mut wrong = Vec::new();
        while let Some(case) = cases().get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(check(&zoo, case).err());
        }
        wrong
    };
    // Those who are waited for are waited for together.
    let wrong: Vec<String> = thread::scope(|scope| {
        let visitors: Vec<_> = (0..8).map(|_| scope.spawn(visit)).collect();
        visitors.into_iter().flat_map(|visitor| visitor.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn case(name: &str) -> &'static Case {
    cases().iter().find(|case| case.name == name).unwrap()
}

#[test]
fn a_client_that_verifies_nothing_believes_everybody_and_is_warned() {
    let zoo = Zoo::open();
    for (name, why) in [
        ("expired.test", "has a certificate that expired"),
        ("wrong-host.test", "was to be wrong-host.test, but its certificate is for somebody-else.test"),
        ("self-signed.test", "that it signed itself"),
        ("rsa-1024.test", "a weak key"),
    ] {
        let outcome = zoo.visit(case(name), &["--no-verify"]);
        let stderr = outcome.stderr();
        assert!(stderr.contains("warning: the server is not verified"), "{stderr}");
        if name == "rsa-1024.test" {
            // Nobody has the key of this one: there is no signature to be had.
            continue;
        }
        assert_eq!(outcome.code(), 0, "{name}: {stderr}");
        assert!(stderr.contains(why), "{name}: {stderr}");
    }
}

#[test]
fn a_client_that_leaves_out_the_name_still_verifies_the_chain() {
    let zoo = Zoo::open();
    assert_eq!(zoo.visit(case("wrong-host.test"), &["--no-check-hostname"]).code(), 0);
    assert_eq!(zoo.visit(case("unknown-root.test"), &["--no-check-hostname"]).code(), 1);
}
