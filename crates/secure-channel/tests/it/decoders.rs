//! Every reader of what comes from the wire, on bytes of all kinds: no panic, and what is accepted is written again as it
//! was.
//!
//! Each input has a seed of its own, which is told when it fails: put it into [`FIRST_SEED`] to see that input first.

use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
    time::SystemTime,
};

use labnet::tls::{Credentials, Roots};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use secure_channel::{
    Alert, ChannelSuite, Facts, Failure, Frame, Kind, PartyIdentity, Trust,
    frame::{HEADER_LEN, Header},
    handshake::{Established, client, server},
    message::{Certificate, ClientHello, ServerHello},
};
use ttp::CaDirectory;

const FIRST_SEED: u64 = 0x5eed_0000;

const ROUNDS: u64 = 100_000;

/// Made once.
struct Parties {
    client: PartyIdentity,
    server: PartyIdentity,
    roots: Roots,
    /// The leaf certificates in DER.
    leaves: [Vec<u8>; 2],
}

fn parties() -> &'static Parties {
    static PARTIES: OnceLock<Parties> = OnceLock::new();
    PARTIES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let directory = CaDirectory::new(folder.path());
        directory.complete(&["server", "client"]).unwrap();
        let credentials = ["client", "server"]
            .map(|name| Credentials::load(&directory.certificate(name), &directory.key(name)).unwrap());
        let [client, server] = credentials.each_ref().map(|credentials| PartyIdentity::new(credentials).unwrap());
        let leaves = credentials.each_ref().map(|credentials| credentials.chain().next().unwrap().to_vec());
        Parties { client, server, roots: Roots::load(&directory.ca_certificate()).unwrap(), leaves }
    })
}

/// Runs a check with many generators, and names the seed of the one with which it fails.
fn for_each_seed(rounds: u64, mut check: impl FnMut(&mut StdRng)) {
    for seed in FIRST_SEED..FIRST_SEED + rounds {
        let checked = catch_unwind(AssertUnwindSafe(|| check(&mut StdRng::seed_from_u64(seed))));
        assert!(checked.is_ok(), "with the seed {seed:#x}");
    }
}

fn bytes(random: &mut StdRng, max_len: usize) -> Vec<u8> {
    // Short ones are where the edges are.
    let max_len = if random.random() { max_len } else { max_len.min(8) };
    let mut bytes = vec![0; random.random_range(0..=max_len)];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Changes a valid encoding a little, in one to three places.
fn mutate(random: &mut StdRng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..random.random_range(1..=3) {
        let at = random.random_range(0..=bytes.len());
        match random.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.random()),
            2 => bytes.extend(self::bytes(random, 8)),
            3 => drop(bytes.drain(at..bytes.len().min(at + random.random_range(1..=4)))),
            // Bytes that lengths and counts like least.
            4 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
            _ if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            _ => {}
        }
    }
    bytes
}

/// Reads many inputs, every other one made from a valid one: what is accepted must be written again as it was, and of
/// both kinds of answer there must be enough for the test to say something.
fn check_decoder<T: Debug>(
    max_len: usize,
    valid: impl Fn(&mut StdRng) -> Vec<u8>,
    decode: impl Fn(&[u8]) -> Result<T, Failure>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    let (mut accepted, mut refused) = (0, 0);
    for_each_seed(ROUNDS, |random| {
        let input = if random.random() {
            bytes(random, max_len)
        } else {
            let valid = valid(random);
            assert!(decode(&valid).is_ok(), "{valid:02x?}");
            mutate(random, valid)
        };
        match decode(&input) {
            Ok(value) => {
                assert_eq!(encode(&value), input, "{value:?}");
                accepted += 1;
            }
            Err(failure) => {
                assert!(failure.alert().is_some() && !failure.to_string().is_empty(), "{failure:?}");
                refused += 1;
            }
        }
    });
    assert!(accepted > 1000 && refused > 1000, "accepted {accepted}, refused {refused}");
}

fn random_kind(random: &mut StdRng) -> Kind {
    Kind::ALL[random.random_range(0..Kind::ALL.len())]
}

fn client_hello(random: &mut StdRng) -> Vec<u8> {
    let suites = (0..random.random_range(1..=64)).map(|_| random.random_range(0..4)).collect();
    ClientHello { random: random.random(), suites }.encode().unwrap().body().to_vec()
}

fn server_hello(random: &mut StdRng) -> Vec<u8> {
    ServerHello { random: random.random(), suite: random.random() }.encode().unwrap().body().to_vec()
}

fn chain(random: &mut StdRng) -> Vec<u8> {
    let certificate = |random: &mut StdRng| [&[random.random()][..], &bytes(random, 300)].concat();
    let chain = (0..random.random_range(1..=8)).map(|_| certificate(random)).collect();
    Certificate { chain }.encode().unwrap().body().to_vec()
}

#[test]
fn headers() {
    let valid = |random: &mut StdRng| {
        let kind = random_kind(random);
        Header { kind, len: random.random_range(0..=kind.max_len()) }.encode().to_vec()
    };
    // Other than three bytes are no header.
    let decode = |bytes: &[u8]| Header::decode(bytes.try_into().map_err(|_| Failure::UnknownKind(0))?);
    check_decoder(HEADER_LEN, valid, decode, |header| header.encode().to_vec());
}

#[test]
fn frames() {
    let valid = |random: &mut StdRng| {
        let kind = random_kind(random);
        let body = bytes(random, kind.max_len().min(600));
        [Frame::new(kind, &body).unwrap().as_bytes(), &bytes(random, 4)].concat()
    };
    // As long as there is no whole frame, there is none to be written again.
    let decode = |stream: &[u8]| match Frame::cut(stream)? {
        Some((frame, rest)) => {
            assert_eq!(Frame::new(frame.kind(), frame.body()).as_ref(), Ok(&frame));
            assert!(frame.body().len() <= frame.kind().max_len());
            Ok([frame.as_bytes(), rest].concat())
        }
        None => {
            let header = stream.first_chunk().map(|header| Header::decode(*header).unwrap());
            assert!(header.is_none_or(|header| stream.len() < HEADER_LEN + header.len), "{stream:02x?}");
            Ok(stream.to_vec())
        }
    };
    check_decoder(700, valid, decode, Clone::clone);
}

#[test]
fn client_hellos() {
    check_decoder(200, client_hello, ClientHello::decode, |hello| {
        assert!((1..=64).contains(&hello.suites.len()));
        // Whatever was offered, something is chosen from it, or nothing.
        assert!(hello.choose().map_or(true, |suite| hello.suites.contains(&(suite as u16))));
        hello.encode().unwrap().body().to_vec()
    });
}

#[test]
fn server_hellos() {
    check_decoder(50, server_hello, ServerHello::decode, |hello| hello.encode().unwrap().body().to_vec());
}

#[test]
fn certificate_messages() {
    check_decoder(3000, chain, Certificate::decode, |certificate| {
        assert!((1..=8).contains(&certificate.chain.len()));
        assert!(certificate.chain.iter().all(|certificate| !certificate.is_empty()));
        certificate.encode().unwrap().body().to_vec()
    });
}

#[test]
fn facts_of_certificates() {
    let [leaf, _] = &parties().leaves;
    let facts = Facts::of(leaf).unwrap();
    assert_eq!((facts.common_name.as_str(), facts.version), ("client", 3));
    let mut read = 0;
    for_each_seed(ROUNDS, |random| {
        let input = if random.random() { bytes(random, 2000) } else { mutate(random, leaf.clone()) };
        if let Some(facts) = Facts::of(&input) {
            assert!(facts.common_name.len() + facts.issuer_country.len() < input.len());
            read += 1;
        }
    });
    assert!(read > 1000, "only {read} were certificates still");
}

#[test]
fn alerts() {
    for number in (0..=u8::MAX).map(Some).chain([None]) {
        let alert = Alert::from(number);
        assert!(Some(alert as u8) == number || alert == Alert::Failure, "{number:?}: {alert:?}");
    }
    let named = |number| Alert::from(Some(number));
    let all = [Alert::Failure, Alert::UnsupportedVersion, Alert::NoCommonSuite, Alert::UnsupportedHash];
    assert_eq!([named(1), named(2), named(3), named(4)], all);
}

#[test]
fn numbers_of_suites() {
    for number in 0..=u16::MAX {
        let suite = ChannelSuite::of(number);
        assert_eq!(suite.map(|suite| suite as u16), (1..=2).contains(&number).then_some(number));
    }
}

#[test]
fn names_of_suites() {
    for suite in ChannelSuite::ALL {
        assert_eq!(suite.to_string().parse(), Ok(suite));
        assert_eq!(suite.to_string().to_lowercase().parse(), Ok(suite));
    }
    for_each_seed(ROUNDS / 10, |random| {
        let text = String::from_utf8_lossy(&mutate(random, b"aes256-gcm".to_vec())).into_owned();
        let is_name = ["aes128-hmac", "aes256-gcm"].contains(&text.to_ascii_lowercase().as_str());
        assert_eq!(text.parse::<ChannelSuite>().is_ok(), is_name, "{text:?}");
    });
}

// The states of the handshake, and the records behind it.

/// What comes instead of a frame, now and then: one that is altered, another one, or anything.
fn meddle(random: &mut StdRng, frame: &Frame, odds: f64) -> Option<Frame> {
    if !random.random_bool(odds) {
        return None;
    }
    let kind = if random.random_bool(0.8) { frame.kind() } else { random_kind(random) };
    let body =
        if random.random_bool(0.8) { mutate(random, frame.body().to_vec()) } else { bytes(random, kind.max_len()) };
    // What is too long for its kind is no frame.
    Frame::new(kind, &body).ok().filter(|other| other != frame)
}

/// A session in which frames are meddled with: both sides, if both get to the end.
fn handshake(random: &mut StdRng, odds: f64, meddled: &mut bool) -> Result<(Established, Established), Failure> {
    let Parties { client, server, roots, .. } = parties();
    let now = SystemTime::now();
    let mut pass = |frame: &Frame| {
        let other = meddle(random, frame, odds);
        *meddled |= other.is_some();
        other.unwrap_or_else(|| frame.clone())
    };
    let (hello, greeted) = client::start(&ChannelSuite::ALL)?;
    let ([hello, certificate, request], asked) = server::Listening::default().client_hello(&pass(&hello), server)?;
    let trusting = greeted.server_hello(&pass(&hello))?;
    let trusting = trusting.certificate(&pass(&certificate), &Trust::in_server(roots.clone()), now)?;
    let ([certificate, exchange, verify, finished], confirming) =
        trusting.certificate_request(&pass(&request), client)?;
    let trusting = asked.certificate(&pass(&certificate), &Trust::in_client(roots.clone()), now)?;
    let informed = trusting.key_exchange(&pass(&exchange), server)?;
    let (finished, server) = informed.certificate_verify(&pass(&verify))?.finished(&pass(&finished))?;
    Ok((confirming.finished(&pass(&finished))?, server))
}

#[test]
fn handshakes_in_which_anything_is_altered_are_refused() {
    let (mut completed, mut refused) = (0, 0);
    for_each_seed(3000, |random| {
        let mut meddled = false;
        match handshake(random, 0.15, &mut meddled) {
            Ok(_) => {
                assert!(!meddled, "something was altered, and both sides are content");
                completed += 1;
            }
            Err(failure) => {
                assert!(meddled, "{failure}");
                refused += 1;
            }
        }
    });
    assert!(completed > 300 && refused > 1000, "completed {completed}, refused {refused}");
}

#[test]
fn records_that_are_altered_or_invented_are_refused_and_nothing_of_them_is_left() {
    let mut refused = 0;
    for_each_seed(100, |random| {
        let (mut client, mut server) = handshake(random, 0.0, &mut false).unwrap();
        for i in 0..100 {
            let text = bytes(random, 500);
            let mut record = Vec::new();
            server.encryptor.seal(Kind::Data, &text, &mut record).unwrap();
            let (record, _) = Frame::cut(&record).unwrap().unwrap();
            while let Some(other) = meddle(random, &record, 0.5) {
                let mut body = other.body().to_vec();
                let opened = client.decryptor.open(Header { kind: other.kind(), len: body.len() }, &mut body);
                assert!(matches!(opened, Err(Failure::Record { number, .. }) if number == i), "{opened:?}");
                assert!(body.iter().all(|byte| *byte == 0), "{body:02x?}");
                refused += 1;
            }
            let mut body = record.body().to_vec();
            let header = Header { kind: Kind::Data, len: body.len() };
            assert_eq!(client.decryptor.open(header, &mut body), Ok(&text[..]), "the record as it was");
        }
    });
    assert!(refused > 3000, "refused {refused}");
}
