//! A TLS server, its CA, and connections to it.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    sync::Arc,
};

use lab_process::{Program, Stream};
use lab_test::{Listening, finish, next_line, spawn};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::SERVER;

pub(crate) const PAGE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;

/// A CA, and what it has issued.
pub(crate) struct Files(pub(crate) TempDir);

impl Files {
    /// With a certificate for localhost.
    pub(crate) fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.directory().init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false).unwrap();
        files.issue("localhost", &[]);
        files
    }

    pub(crate) fn directory(&self) -> CaDirectory {
        CaDirectory::new(self.0.path())
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn issue(&self, subject: &str, names: &[&str]) {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        self.directory()
            .issue(subject, KeyKind::P256, None, &CertificateOptions { names, ..CertificateOptions::default() })
            .unwrap();
    }

    /// The server, run in the folder with a command line that ends so.
    pub(crate) fn run(&self, arguments: &str) -> Program {
        let mut server = Command::new(SERVER);
        server.args(["localhost_cert.pem", "localhost_key.pem", "--port", "0"]);
        server.args(arguments.split_whitespace()).current_dir(self.0.path());
        spawn(server)
    }

    pub(crate) fn server(&self, arguments: &str) -> Server {
        let Listening { mut program, address } = Listening::of(self.run(arguments));
        let is_note = |text: &str| text.starts_with("note: listening on ") && text.ends_with(" (TLS)");
        assert!(program.lines().iter().any(|line| is_note(&line.text)), "{:?}", program.lines());
        Server { program, address, ca: self.path("cacert.pem") }
    }

    pub(crate) fn check_refused(&self, arguments: &str, code: i32, word: &str) {
        let outcome = finish(self.run(arguments));
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{arguments}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(word), "{arguments}: no '{word}' in {stderr}");
    }

    /// A client configuration that presents a certificate of this CA.
    pub(crate) fn with_certificate(&self, name: &str) -> Arc<ClientConfig> {
        let certificate = CertificateDer::from_pem_file(self.path(&format!("{name}_cert.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}_key.pem"))).unwrap();
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots(&self.path("cacert.pem")));
        Arc::new(config.with_client_auth_cert(vec![certificate], key).unwrap())
    }
}

/// A server that listens.
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) ca: PathBuf,
}

impl Server {
    /// The next report that has these words.
    pub(crate) fn report(&mut self, words: &str) -> String {
        next_line(&mut self.program, Stream::Stdout, words)
    }

    /// Awaits so many reports with each of these words, in any order.
    pub(crate) fn reports(&mut self, wanted: &[(&str, usize)]) {
        let mut missing: Vec<&str> = wanted.iter().flat_map(|(words, times)| vec![*words; *times]).collect();
        while !missing.is_empty() {
            let report = self.report("");
            missing.iter().position(|words| report.contains(words)).map(|found| missing.remove(found));
        }
    }

    pub(crate) fn config(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let config = config.with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots(&self.ca)).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    pub(crate) fn default_config(&self) -> Arc<ClientConfig> {
        self.config(&[&TLS13, &TLS12], &[])
    }

    pub(crate) fn get(&self, request: &str) -> String {
        String::from_utf8(self.exchange("localhost", &self.default_config(), request).unwrap()).unwrap()
    }

    pub(crate) fn exchange(&self, name: &str, config: &Arc<ClientConfig>, request: &str) -> io::Result<Vec<u8>> {
        let mut client = connect(self.address, name, config);
        client.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        Ok(answer)
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        lab_test::connect(self.address)
    }

    /// The first DNS name of the certificate that is shown to one who asks for `name`.
    pub(crate) fn name_shown(&self, name: &str) -> String {
        let mut config = ClientConfig::clone(&self.default_config());
        let blind = Arc::new(Blind);
        config.dangerous().set_certificate_verifier(blind);
        let mut client = connect(self.address, name, &Arc::new(config));
        client.conn.complete_io(&mut client.sock).unwrap();
        let chain = client.conn.peer_certificates().unwrap();
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        leaf.subject_alternative_name().unwrap().unwrap().value.general_names[0].to_string()
    }
}

pub(crate) fn connect(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Client {
    let tls = ClientConnection::new(Arc::clone(config), name.to_owned().try_into().unwrap()).unwrap();
    StreamOwned::new(tls, lab_test::connect(address))
}

pub(crate) fn roots(ca: &PathBuf) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    roots
}

/// Believes anyone: for looking at a certificate.
#[derive(Debug)]
pub(crate) struct Blind;

impl rustls::client::danger::ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
