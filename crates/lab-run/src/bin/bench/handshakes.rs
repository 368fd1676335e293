//! The rate of full TLS handshakes of part6-pmu and tls-server, beside nginx and `openssl s_server`; the memory per client.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use lab_process::{Program, shell::command_line};
use labnet::{
    net::Server,
    tls::{Client, ClientOptions, Roots},
};
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use lab_run::{
    Error,
    measure::{Bench, command, memory_of, shell},
};

/// The load (ours): the number of simultaneous clients, and of successive handshakes of each.
const CLIENTS: usize = 2;
const HANDSHAKES: usize = 500;

/// The number of connected clients for the measurement of memory, and the maximum for each, in bytes (ours).
const CONNECTED: usize = 1000;
const MAX_MEMORY: u64 = 64 << 10;

const TIMEOUT: Duration = Duration::from_secs(10);
const ID: &str = "localhost";

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    for (name, key) in [("P-256", KeyKind::P256), ("RSA-2048", KeyKind::Rsa2048)] {
        let folder =
            tempfile::tempdir().map_err(|source| labnet::Error::System { attempt: "make a folder", source })?;
        let directory = CaDirectory::new(folder.path());
        directory.init(&CaOptions { key, ..CaOptions::default() }, false)?;
        directory.issue(ID, key, None, &CertificateOptions::default())?;
        let files = Files { folder: folder.path(), directory: &directory };
        let options = options(&directory)?;

        // Signing is most of the time, and for RSA it is as fast in each library.
        let beside_nginx = if key == KeyKind::P256 { 1.2 } else { 0.9 };
        let Some((ours, our_port)) = files.part6(bench) else { continue };
        let what = format!("{} full handshakes, {name}", CLIENTS * HANDSHAKES);
        for (their_name, theirs, wanted) in
            [("nginx", files.nginx(), beside_nginx), ("openssl s_server", files.s_server(), 2.0)]
        {
            let mut our_load = || load(our_port, &options);
            let mut their_load = || load(theirs.as_ref()?.1, &options);
            let (ours, theirs) = (("part6-pmu", &mut our_load as _), (their_name, &mut their_load as _));
            bench.compare(&what, ours, theirs, wanted)?;
        }
        if let Some((_server, port)) = files.tls_server(bench) {
            for (their_name, theirs, wanted) in
                [("nginx", files.nginx(), beside_nginx), ("openssl s_server", files.s_server(), 1.0)]
            {
                let mut our_load = || load(port, &options);
                let mut their_load = || load(theirs.as_ref()?.1, &options);
                let (ours, theirs) = (("tls-server", &mut our_load as _), (their_name, &mut their_load as _));
                bench.compare(&what, ours, theirs, wanted)?;
            }
        }
        if key == KeyKind::P256 {
            memory(bench, &ours, our_port, &options)?;
        }
    }
    Ok(())
}

fn options(directory: &CaDirectory) -> Result<ClientOptions, Error> {
    Ok(ClientOptions {
        name: Some(ID.to_owned()),
        silence: Some(TIMEOUT),
        ..ClientOptions::trusting(Roots::load(&directory.ca_certificate())?)
    })
}

/// A server's files, and the servers that can be started with them; `None` for one that is missing.
struct Files<'a> {
    folder: &'a Path,
    directory: &'a CaDirectory,
}

impl Files<'_> {
    fn path(&self, file: &str) -> String {
        self.folder.join(file).display().to_string()
    }

    fn part6(&self, bench: &Bench) -> Option<(Program, u16)> {
        self.ours(bench, "part6-pmu", &["0"], &[])
    }

    fn tls_server(&self, bench: &Bench) -> Option<(Program, u16)> {
        self.ours(bench, "tls-server", &[], &["--port", "0"])
    }

    /// A program of the lab, called with certificate and key between other arguments.
    fn ours(&self, bench: &Bench, program: &str, before: &[&str], after: &[&str]) -> Option<(Program, u16)> {
        let files = [bench.path(program), self.directory.certificate(ID), self.directory.key(ID)];
        let [program, certificate, key] = &files.map(|path| path.display().to_string());
        let line = command_line([&[program.as_str()], before, &[certificate, key], after].concat());
        // Its line for each connection goes nowhere, as the access log of nginx.
        let mut server = Program::spawn(shell(&format!("exec {line} > /dev/null"))).ok()?;
        let address = server.wait_until_listening(TIMEOUT).ok()?;
        Some((server, address.port()))
    }

    fn nginx(&self) -> Option<(Program, u16)> {
        let port = free_port()?;
        let config = format!(
            "worker_processes auto; daemon off; pid nginx.pid; error_log stderr crit; events {{}}
             http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; ssl_session_cache off;
             ssl_certificate {ID}_cert.pem; ssl_certificate_key {ID}_key.pem; }} }}"
        );
        fs::write(self.path("nginx.conf"), config).ok()?;
        ready(Program::spawn(command("nginx", &["-p", &self.path(""), "-c", "nginx.conf"])).ok()?, port)
    }

    fn s_server(&self) -> Option<(Program, u16)> {
        let port = free_port()?;
        let [certificate, key] =
            &[self.directory.certificate(ID), self.directory.key(ID)].map(|path| path.display().to_string());
        let accept = format!("127.0.0.1:{port}");
        let arguments = ["s_server", "-accept", &accept, "-cert", certificate, "-key", key, "-www", "-quiet"];
        ready(Program::spawn(command("openssl", &arguments)).ok()?, port)
    }
}

pub(crate) fn free_port() -> Option<u16> {
    Some(TcpListener::bind(("127.0.0.1", 0)).ok()?.local_addr().ok()?.port())
}

/// Waits until a program listens.
pub(crate) fn ready(program: Program, port: u16) -> Option<(Program, u16)> {
    let begun = Instant::now();
    while begun.elapsed() < TIMEOUT {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some((program, port));
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The time that the load takes; `None` when a handshake fails.
fn load(port: u16, options: &ClientOptions) -> Option<Duration> {
    let server = Server::new("127.0.0.1", port);
    let client = || (0..HANDSHAKES).all(|_| Client::connect(&server, options).is_ok());
    let begun = Instant::now();
    let passed = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().all(|client| client.join().unwrap_or(false))
    });
    passed.then(|| begun.elapsed())
}

/// Measures the memory of the server for each idle client after its handshake.
fn memory(bench: &mut Bench, pmu: &Program, port: u16, options: &ClientOptions) -> Result<(), Error> {
    let what = format!("{CONNECTED} clients of part6-pmu at once");
    let server = Server::new("127.0.0.1", port);
    let before = memory_of(pmu.id(), "VmRSS:");
    let clients: Vec<_> = (0..CONNECTED).map_while(|_| Client::connect(&server, options).ok()).collect();
    let (Some(before), Some(after)) = (before, memory_of(pmu.id(), "VmRSS:")) else {
        return bench.row(&what, "skipped: this system does not tell".to_owned(), "at most 64 KiB each", None);
    };
    let each = after.saturating_sub(before) / CONNECTED as u64;
    let measured = format!("{} connected, {:.1} KiB resident each", clients.len(), each as f64 / 1024.0);
    bench.row(&what, measured, "at most 64 KiB each", Some(clients.len() == CONNECTED && each <= MAX_MEMORY))
}
