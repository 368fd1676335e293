//! `--stats`: what TLS adds, version and suite.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
    thread,
};

use lab_test::{PATIENCE, nobody};
use labnet::pmu::Device;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use ttp::KeyKind;

use crate::{certified::Certified, lines};

/// A PMU of one version that answers one client with `records`, then close_notify.
fn serve_once(
    certified: &Certified,
    version: &'static SupportedProtocolVersion,
    records: Vec<Vec<u8>>,
) -> (SocketAddr, mpsc::Receiver<()>) {
    let chain = vec![CertificateDer::from_pem_file(certified.directory().certificate("123456")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certified.directory().key("123456")).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut pdc = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        pdc.read_exact(&mut [0; 11]).unwrap();
        for record in records {
            pdc.write_all(&record).unwrap();
        }
        pdc.conn.send_close_notify();
        pdc.conn.complete_io(&mut pdc.sock).unwrap();
        sender.send(()).unwrap();
    });
    (address, done)
}

#[test]
fn stats_count_the_answer_without_what_tls_adds_and_name_version_and_suite() {
    let certified = Certified::new(KeyKind::Rsa2048, &[]);
    let messages: Vec<_> = (1..11).map(|i| format!("This is PMU data {i}").into_bytes()).collect();
    for (version, name, suite) in
        [(&TLS12, "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), (&TLS13, "TLSv1.3", "TLS_AES_256_GCM_SHA384")]
    {
        let (address, done) = serve_once(&certified, version, messages.clone());
        let outcome = certified.pdc(&format!("CMD_short:0 CA --server {address} --stats"));
        done.recv_timeout(PATIENCE).unwrap();
        assert_eq!((outcome.code(), outcome.stdout()), (0, lines(1..11)));
        assert_eq!(outcome.stderr().lines().count(), 1, "{}", outcome.stderr());
        let stats = &outcome.stats()[0];
        let mut keys: Vec<_> = stats.as_object().unwrap().keys().collect();
        keys.sort_unstable();
        let expected = ["bytes", "cipher_suite", "command", "data_segments_in", "elapsed_s", "messages", "recv_calls"];
        assert_eq!(keys, [&expected[..], &["tls_version"]].concat());
        assert_eq!((&stats["command"], &stats["messages"]), (&"CMD_short:0".into(), &10.into()));
        assert_eq!(stats["bytes"], messages.concat().len());
        assert_eq!((&stats["tls_version"], &stats["cipher_suite"]), (&name.into(), &suite.into()));
        // At least one with messages and the empty one at the end; at most one for each record besides.
        assert!(stats["recv_calls"].as_u64().is_some_and(|calls| (2..=11).contains(&calls)), "{stats}");
        let segments = &stats["data_segments_in"];
        assert!(if cfg!(target_os = "linux") { segments.as_u64() > Some(0) } else { segments.is_null() }, "{stats}");
    }
}

#[test]
fn stats_are_the_last_line_also_after_an_error() {
    let certified = Certified::here();
    let pmu = certified.serve(Device::default());
    let (_taken, nobody) = nobody();
    for arguments in [
        format!("CA --server {} --name pdc.test", pmu.address()),
        format!("CA --server {nobody}"),
        format!("missing.pem --server {}", pmu.address()),
    ] {
        let outcome = certified.pdc(&format!("CMD_short:0 {arguments} --stats"));
        assert_eq!(outcome.code(), 1);
        let stats = outcome.stats();
        assert_eq!(stats.len(), 1, "{arguments}: {}", outcome.stderr());
        assert_eq!((&stats[0]["command"], &stats[0]["messages"]), (&"CMD_short:0".into(), &0.into()));
    }
}
