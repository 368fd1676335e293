//! A proxy, a real server, and a victim.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
};

use lab_process::Program;
use lab_test::{Listening, spawn};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};
use x509_parser::prelude::{FromDer, X509Certificate};

pub(crate) const PAGE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;

/// A CA of its own, and what it has issued.
pub(crate) struct Ca(pub(crate) TempDir);

impl Ca {
    /// One that may vouch for the lab's names only.
    pub(crate) fn new() -> Self {
        Self::with(false)
    }

    pub(crate) fn with(any_name: bool) -> Self {
        let ca = Self(tempfile::tempdir().unwrap());
        ca.directory().init(&CaOptions { key: KeyKind::P256, any_name, ..CaOptions::default() }, false).unwrap();
        ca
    }

    pub(crate) fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.0.path())
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory().ca_certificate()
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.0.path().join("cakey.pem")
    }

    pub(crate) fn issue(&self, subject: &str, names: &[&str], options: CertificateOptions) {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        self.directory().issue(subject, KeyKind::P256, None, &CertificateOptions { names, ..options }).unwrap();
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.certificate()).unwrap()).unwrap();
        roots
    }

    /// A client that trusts this CA.
    pub(crate) fn client(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_protocol_versions(&[&TLS13, &TLS12]).unwrap();
        let mut config = config.with_root_certificates(self.roots()).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A server under a certificate that was issued.
    pub(crate) fn server_config(&self, subject: &str) -> Arc<ServerConfig> {
        let chain = vec![CertificateDer::from_pem_file(self.directory().certificate(subject)).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.directory().key(subject)).unwrap();
        let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}

/// The real server, under a certificate of `ca` for localhost.
pub(crate) fn server(ca: &Ca) -> Listening {
    ca.issue(
        "localhost",
        &["localhost", "a.test", "b.test", "127.0.0.1"],
        CertificateOptions { force: true, ..CertificateOptions::default() },
    );
    server_with(ca, "localhost")
}

pub(crate) fn server_with(ca: &Ca, subject: &str) -> Listening {
    let mut server = Command::new(env!("CARGO_BIN_EXE_tls-server"));
    server.args([ca.directory().certificate(subject), ca.directory().key(subject)]).args([
        "--port",
        "0",
        "--timeout",
        "60",
    ]);
    Listening::of(spawn(server))
}

/// A proxy with a CA of its own that trusts the CA of the real servers.
pub(crate) fn proxy(forged_by: &Ca, trusted: &Ca, options: &str) -> Listening {
    Listening::of(start_proxy(&forged_by.certificate(), &forged_by.key(), &trusted.certificate(), options))
}

pub(crate) fn start_proxy(certificate: &Path, key: &Path, trusted: &Path, options: &str) -> Program {
    let mut proxy = Command::new(env!("CARGO_BIN_EXE_tls-proxy"));
    proxy.arg("--ca").args([certificate, key]).arg("--cafile").arg(trusted).args(["--listen", "127.0.0.1:0"]);
    proxy.args(options.split_whitespace());
    spawn(proxy)
}

pub(crate) fn over(tcp: TcpStream, name: &str, config: &Arc<ClientConfig>) -> Client {
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name.to_owned().try_into().unwrap()).unwrap(), tcp)
}

pub(crate) fn connect(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Client {
    over(lab_test::connect(address), name, config)
}

/// After the handshake.
pub(crate) fn greeted(mut client: Client) -> io::Result<Client> {
    while client.conn.is_handshaking() || client.conn.wants_write() {
        client.conn.complete_io(&mut client.sock)?;
    }
    Ok(client)
}

pub(crate) fn exchange(mut client: Client, request: &str) -> io::Result<Vec<u8>> {
    client.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    Ok(answer)
}

pub(crate) fn get(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> io::Result<String> {
    exchange(connect(address, name, config), PAGE).map(|answer| String::from_utf8(answer).unwrap())
}

/// Serial number and names of the certificate that was presented.
pub(crate) fn presented(client: &Client) -> (String, String, Vec<String>) {
    let (_, leaf) = X509Certificate::from_der(&client.conn.peer_certificates().unwrap()[0]).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    let names = names.value.general_names.iter().map(ToString::to_string).collect();
    (leaf.raw_serial_as_string(), leaf.issuer().to_string(), names)
}

/// A real server that answers one connection as it is told.
pub(crate) fn one_shot(answer: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || answer(listener.accept().unwrap().0));
    address
}
