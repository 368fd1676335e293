//! Real TLS between a rustls client and a rustls server, both in memory, put on a [`Wire`].

use std::sync::{Arc, LazyLock, Mutex};

use labnet::tls::key_log_line;
use rustls::{
    ClientConfig, ClientConnection, KeyLog, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use ttp::CaDirectory;

use crate::wire::{
    Side::{self, Client, Server},
    Wire,
};

/// So little in a segment that the server's flight needs two.
const MSS: usize = 900;

/// A root, and the certificate and key of localhost.
static CREDENTIALS: LazyLock<(CertificateDer<'static>, Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let directory = CaDirectory::new(folder.path());
    directory.complete(&["localhost"]).unwrap();
    let root = CertificateDer::from_pem_file(directory.ca_certificate()).unwrap();
    let [certificate, key] =
        [directory.certificate("localhost"), directory.key("localhost")].map(|path| std::fs::read(path).unwrap());
    (root, certificate, key)
});

#[derive(Debug, Default)]
struct Log(Mutex<String>);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push_str(&format!("{}\n", key_log_line(label, client_random, secret)));
    }
}

/// A whole connection to port 443: a handshake, a question, an answer, and an orderly end; with its secrets.
pub(crate) fn exchange(version: &'static SupportedProtocolVersion) -> Wire {
    exchange_after(version, &[])
}

/// The same after some plain text on the connection.
pub(crate) fn exchange_after(version: &'static SupportedProtocolVersion, plain_text: &[(Side, &[u8])]) -> Wire {
    let (root, certificate, key) = &*CREDENTIALS;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let log = Arc::new(Log::default());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.key_log = Arc::clone(&log) as Arc<dyn KeyLog>;
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
    let config = builder.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_slice(key).unwrap());
    let mut server = ServerConnection::new(Arc::new(config.unwrap())).unwrap();

    let mut wire = Wire::new("192.0.2.1:40000", "192.0.2.2:443");
    wire.open();
    for (from, bytes) in plain_text {
        wire.send(*from, bytes);
        wire.acknowledge(if *from == Client { Server } else { Client });
    }
    pump(&mut client, &mut server, &mut wire);
    std::io::Write::write_all(&mut client.writer(), b"GET / HTTP/1.0\r\n\r\n").unwrap();
    pump(&mut client, &mut server, &mut wire);
    std::io::Write::write_all(&mut server.writer(), b"HTTP/1.0 200 OK\r\nContent-Length: 18\r\n\r\nThis is PMU data 1")
        .unwrap();
    pump(&mut client, &mut server, &mut wire);
    client.send_close_notify();
    server.send_close_notify();
    pump(&mut client, &mut server, &mut wire);
    wire.close();
    wire.recording.secrets.push(&log.0.lock().unwrap());
    wire
}

/// Carries bytes until neither side has any; each flight is acknowledged.
fn pump(client: &mut ClientConnection, server: &mut ServerConnection, wire: &mut Wire) {
    loop {
        let (mut question, mut answer) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut question).unwrap();
        }
        carry(&question, Client, wire);
        let mut rest = question.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets().unwrap();
        }
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        carry(&answer, Server, wire);
        let mut rest = answer.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets().unwrap();
        }
        if question.is_empty() && answer.is_empty() {
            return;
        }
    }
}

fn carry(bytes: &[u8], from: Side, wire: &mut Wire) {
    for segment in bytes.chunks(MSS) {
        wire.send(from, segment);
        wire.acknowledge(if from == Client { Server } else { Client });
    }
}
