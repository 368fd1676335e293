//! TLS in which both sides prove who they are, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use labnet::{
    Error,
    net::{ClientLimits, ClientStream, Deadline, Server},
    tls::{Acceptor, Client, ClientOptions, Credentials, NegotiatedTls, Records, Roots, read_certificates},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind, Purpose};

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

const QUESTION: &[u8] = b"Who is there?";
const ANSWER: &[u8] = b"The client.";

/// A CA, and certificates by it for `server` and `client`.
struct Certified(TempDir);

impl Certified {
    fn new() -> Self {
        let certified = Self(tempfile::tempdir().unwrap());
        certified.directory().init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        ["server", "client"].iter().for_each(|name| certified.issue(name, CertificateOptions::default()));
        certified
    }

    fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.0.path())
    }

    fn issue(&self, name: &str, options: CertificateOptions) {
        self.directory().issue(name, KeyKind::P256, None, &CertificateOptions { force: true, ..options }).unwrap();
    }

    fn credentials(&self, name: &str) -> Credentials {
        Credentials::load(&self.directory().certificate(name), &self.directory().key(name)).unwrap()
    }

    fn roots(&self) -> Roots {
        Roots::load(&self.directory().ca_certificate()).unwrap()
    }

    /// A certificate in DER.
    fn certificate(&self, name: &str) -> Vec<u8> {
        read_certificates(&self.directory().certificate(name)).unwrap().remove(0)
    }

    /// A server that wants to see the client's certificate.
    fn acceptor(&self) -> Acceptor {
        Acceptor::mutual(&self.credentials("server"), &self.roots(), "client").unwrap()
    }

    /// A client that believes this CA, and shows what it is given.
    fn options(&self, credentials: Option<Credentials>) -> ClientOptions {
        ClientOptions {
            name: Some("server".to_owned()),
            connect: Deadline::after(PATIENCE),
            silence: Some(PATIENCE),
            credentials,
            ..ClientOptions::trusting(self.roots())
        }
    }
}

/// What one side knows of the other after the handshake, and what it received to the end.
#[derive(Debug)]
struct Seen {
    negotiated: NegotiatedTls,
    certificate: Option<Vec<u8>>,
    handshake: Records,
    received: Vec<u8>,
}

/// Serves one client: asks, says that this was all, and reads the answer.
fn serve(acceptor: Acceptor) -> (SocketAddr, mpsc::Receiver<Result<Seen, Error>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = mpsc::channel();
    let talk = move || {
        let (stream, peer) = listener.accept().unwrap();
        let mut client =
            acceptor.accept(stream, peer, &ClientLimits { silence: PATIENCE, ..ClientLimits::default() })?;
        let (negotiated, handshake) = (client.negotiated(), client.records());
        let certificate = client.peer_certificate().map(<[u8]>::to_vec);
        let mut received = Vec::new();
        let answered = client.write_all(QUESTION).and_then(|()| {
            client.end()?;
            client.set_patience(Some(PATIENCE))?;
            client.read_to_end(&mut received)
        });
        answered.map_err(|error| client.explain(error))?;
        // What has passed since is counted too.
        assert!(client.records().records > handshake.records && client.records().received > handshake.received);
        client.close();
        Ok(Seen { negotiated, certificate, handshake, received })
    };
    thread::spawn(move || {
        let _ = sender.send(talk());
    });
    (address, seen)
}

/// Reads the question to its end, and answers it.
fn visit(address: SocketAddr, options: &ClientOptions) -> Result<Seen, Error> {
    let mut server = Client::connect(&Server::new(address.ip().to_string(), address.port()), options)?;
    let (negotiated, handshake) = (server.negotiated(), server.records());
    let certificate = server.peer_certificate().map(<[u8]>::to_vec);
    let (mut received, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        match server.recv(&mut buffer)? {
            [] => break,
            bytes => received.extend_from_slice(bytes),
        }
    }
    server.check_end()?;
    server.send(ANSWER)?;
    Ok(Seen { negotiated, certificate, handshake, received })
}

/// What both sides make of each other: server, then client.
fn meet(acceptor: Acceptor, options: &ClientOptions) -> (Result<Seen, Error>, Result<Seen, Error>) {
    let (address, server) = serve(acceptor);
    let client = visit(address, options);
    (server.recv_timeout(PATIENCE).unwrap(), client)
}

#[test]
fn a_client_with_the_right_certificate_is_known_by_it() {
    let certified = Certified::new();
    let (server, client) = meet(certified.acceptor(), &certified.options(Some(certified.credentials("client"))));
    let (server, client) = (server.unwrap(), client.unwrap());
    assert_eq!(server.certificate, Some(certified.certificate("client")));
    assert_eq!(client.certificate, Some(certified.certificate("server")));
    assert_eq!(
        (server.negotiated.to_string(), &server.negotiated),
        ("TLSv1.3 TLS_AES_256_GCM_SHA384".to_owned(), &client.negotiated)
    );
    // The server had ended its own direction by then.
    assert_eq!((&server.received[..], &client.received[..]), (ANSWER, QUESTION));
}

#[test]
fn both_sides_count_the_same_handshake_of_one_round_trip() {
    let certified = Certified::new();
    let (server, client) = meet(certified.acceptor(), &certified.options(Some(certified.credentials("client"))));
    let (server, client) = (server.unwrap().handshake, client.unwrap().handshake);
    assert_eq!((client.round_trips, server.round_trips), (1, 1));
    assert_eq!((client.sent, client.received, client.records), (server.received, server.sent, server.records));
    // Hello, then what proves the client; hello, then what proves the server. Either proof has a certificate in it.
    assert!(client.records >= 4, "{client:?}");
    let (proof, other) = (certified.certificate("client").len() as u64, certified.certificate("server").len() as u64);
    assert!(client.sent > proof && client.received > other, "{client:?}");
}

#[test]
fn a_server_that_does_not_ask_is_shown_no_certificate() {
    let certified = Certified::new();
    let acceptor = Acceptor::new(&certified.credentials("server")).unwrap();
    for credentials in [None, Some(certified.credentials("client"))] {
        let (server, client) = meet(acceptor.clone(), &certified.options(credentials));
        assert_eq!(server.unwrap().certificate, None);
        assert_eq!(client.unwrap().received, QUESTION);
    }
}

/// A client that is refused: why, in the server's words and in an alert to the client.
fn check_refused(certified: &Certified, credentials: Option<Credentials>, why: &str, alert: &str) {
    let (server, client) = meet(certified.acceptor(), &certified.options(credentials));
    let error = server.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(error.to_string().starts_with("127.0.0.1:") && error.to_string().contains(why), "{error}");
    // TLS 1.3 lets it believe at first that all is well.
    let error = client.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("alert {alert}")), "{error}");
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    check_refused(&Certified::new(), None, "presented no certificate", "certificate_required");
}

#[test]
fn a_certificate_of_another_ca_is_refused() {
    let certified = Certified::new();
    // A CA of the same name, whose signature cannot be right.
    let stranger = Certified::new();
    let why = "signature is not that of the CA that is trusted here";
    check_refused(&certified, Some(stranger.credentials("client")), why, "decrypt_error");
    // A CA of another name.
    let folder = tempfile::tempdir().unwrap();
    let directory = CaDirectory::new(folder.path());
    let authority = CaOptions { key: KeyKind::P256, country: "FR".to_owned(), ..CaOptions::default() };
    directory.init(&authority, false).unwrap();
    directory.issue("client", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
    let foreign = Credentials::load(&directory.certificate("client"), &directory.key("client")).unwrap();
    check_refused(&certified, Some(foreign), "has a certificate of an unknown CA", "unknown_ca");
}

#[test]
fn another_ca_of_the_same_name_is_named_as_that_whatever_its_kind_of_key() {
    let certified = Certified::new();
    let folder = tempfile::tempdir().unwrap();
    let directory = CaDirectory::new(folder.path());
    directory.init(&CaOptions { key: KeyKind::Rsa2048, ..CaOptions::default() }, false).unwrap();
    directory.issue("client", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
    let foreign = Credentials::load(&directory.certificate("client"), &directory.key("client")).unwrap();
    let (server, _) = meet(certified.acceptor(), &certified.options(Some(foreign)));
    let error = server.unwrap_err();
    assert!(error.to_string().contains("another CA of the same name"), "{error}");
}

#[test]
fn a_certificate_for_another_purpose_is_refused() {
    let certified = Certified::new();
    let why = "has a certificate for another purpose";
    check_refused(&certified, Some(certified.credentials("server")), why, "unsupported_certificate");
}

#[test]
fn a_certificate_for_another_name_is_refused_with_both_names() {
    let certified = Certified::new();
    for purpose in [Purpose::Client, Purpose::Both] {
        certified.issue("server", CertificateOptions { purpose: Some(purpose), ..CertificateOptions::default() });
        let why = "was to be client, but its certificate is for server";
        let credentials = certified.credentials("server");
        // The server's own must stay what it was.
        certified.issue("server", CertificateOptions::default());
        check_refused(&certified, Some(credentials), why, "bad_certificate");
    }
}

#[test]
fn a_certificate_out_of_season_is_refused() {
    let certified = Certified::new();
    certified.issue("client", CertificateOptions { starts_in: -30, days: 1, ..CertificateOptions::default() });
    check_refused(&certified, Some(certified.credentials("client")), "expired", "certificate_expired");
    certified.issue("client", CertificateOptions { starts_in: 30, ..CertificateOptions::default() });
    check_refused(&certified, Some(certified.credentials("client")), "not valid yet", "certificate_expired");
}

#[test]
fn a_client_still_verifies_the_server() {
    let (certified, stranger) = (Certified::new(), Certified::new());
    for (options, why, alert) in [
        (stranger.options(Some(certified.credentials("client"))), "the CA", "alert decrypt_error"),
        (
            ClientOptions {
                name: Some("client".to_owned()),
                ..certified.options(Some(certified.credentials("client")))
            },
            "was to be client, but its certificate is for server",
            "alert bad_certificate",
        ),
    ] {
        let (server, client) = meet(certified.acceptor(), &options);
        let (server, client) = (server.unwrap_err(), client.unwrap_err());
        assert!(matches!(client, Error::Tls { .. }) && client.to_string().contains(why), "{client}");
        assert!(server.to_string().contains(alert), "{server}");
    }
}

#[test]
fn a_name_that_is_none_is_a_wrong_use_of_the_acceptor() {
    let certified = Certified::new();
    let refused = Acceptor::mutual(&certified.credentials("server"), &certified.roots(), "a..b");
    assert!(matches!(refused, Err(Error::Usage(_))), "{refused:?}");
}

#[test]
fn an_answer_that_never_comes_ends_with_patience_or_the_connection() {
    let certified = Certified::new();
    for stays in [false, true] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (acceptor, options) = (certified.acceptor(), certified.options(Some(certified.credentials("client"))));
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut server = Client::connect(&Server::new("127.0.0.1", address.port()), &options).unwrap();
                assert_eq!(server.recv(&mut [0; 1000]).unwrap(), QUESTION);
                if stays {
                    let _ = is_done.recv_timeout(PATIENCE);
                }
            });
            let (stream, peer) = listener.accept().unwrap();
            let mut client = acceptor.accept(stream, peer, &ClientLimits::default()).unwrap();
            client.write_all(QUESTION).unwrap();
            client.end().unwrap();
            let patience = if stays { Duration::from_millis(500) } else { PATIENCE };
            client.set_patience(Some(patience)).unwrap();
            let error = client.read_exact(&mut [0; 1]).unwrap_err();
            let error = client.explain(error);
            match (&error, stays) {
                (Error::Silent { after, .. }, true) => assert_eq!(*after, patience),
                (Error::Tls { complaint, .. }, false) => assert!(complaint.contains("ended the connection"), "{error}"),
                _ => panic!("{error:?}"),
            }
            drop(done);
        });
    }
}

/// A client of one version of TLS, with a certificate if it has one: the question, or what it is told.
fn visit_over(
    certified: &Certified,
    version: &'static rustls::SupportedProtocolVersion,
    name: Option<&str>,
    address: SocketAddr,
) -> std::io::Result<Vec<u8>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certified.directory().ca_certificate()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    let config = match name {
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(certified.directory().certificate(name)).unwrap()];
            config
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(certified.directory().key(name)).unwrap())
                .unwrap()
        }
        None => config.with_no_client_auth(),
    };
    let tls = ClientConnection::new(Arc::new(config), "server".try_into().unwrap()).unwrap();
    let tcp = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut server = StreamOwned::new(tls, tcp);
    let mut received = Vec::new();
    server.read_to_end(&mut received)?;
    server.write_all(ANSWER)?;
    server.conn.send_close_notify();
    server.flush()?;
    Ok(received)
}

#[test]
fn either_version_of_tls_asks_and_refuses_alike() {
    let certified = Certified::new();
    for version in [&TLS12, &TLS13] {
        let (address, server) = serve(certified.acceptor());
        assert_eq!(visit_over(&certified, version, Some("client"), address).unwrap(), QUESTION);
        let seen = server.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!((seen.certificate, &seen.received[..]), (Some(certified.certificate("client")), ANSWER));
        for (name, why) in [(None, "presented no certificate"), (Some("server"), "for another purpose")] {
            let (address, server) = serve(certified.acceptor());
            assert!(visit_over(&certified, version, name, address).is_err(), "{version:?}, {name:?}");
            let error = server.recv_timeout(PATIENCE).unwrap().unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
