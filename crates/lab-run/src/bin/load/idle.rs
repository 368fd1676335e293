//! TLS connections on which nothing happens, beside those of nginx.

use std::{fs, net::SocketAddr, path::Path, process::Command, thread, time::Duration};

use lab_process::Program;
use lab_run::{
    Error,
    measure::{Bench, command, memory_of},
};
use labnet::{
    net::{Deadline, Server},
    tls::{Client, ClientOptions, Roots},
};
use mock_servers::ServerName;
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use crate::server::{Servers, system};

/// How many clients come before memory is looked at: the first ones cost what all share.
const FIRST: usize = 20;

pub(crate) fn measure(bench: &mut Bench, clients: usize) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| system("make a folder", source))?;
    let directory = CaDirectory::new(folder.path());
    directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false)?;
    directory.issue("localhost", KeyKind::P256, None, &CertificateOptions::default())?;
    let options = ClientOptions {
        name: Some("localhost".to_owned()),
        ..ClientOptions::trusting(Roots::load(&directory.ca_certificate())?)
    };
    let [certificate, key] =
        [directory.certificate("localhost"), directory.key("localhost")].map(|path| path.display().to_string());
    let arguments = ["tls", "--tls-port", "0", "--client-timeout", "60", "--cert", &certificate, "--key", &key];
    let servers = Servers::start(&bench.path("mock-servers"), &arguments)?;
    let ours = each(servers.address(ServerName::Tls)?, &options, clients, || servers.memory())?;
    let theirs = match nginx(folder.path()) {
        Some((program, address)) => Some(each(address, &options, clients, || memory_of_family(program.id()))?),
        None => None,
    };
    let kibibytes = |bytes: u64| format!("{:.1} KiB", bytes as f64 / 1024.0);
    let measured = match theirs {
        Some(theirs) => format!("{} against {}", kibibytes(ours), kibibytes(theirs)),
        None => format!("{}; nginx is not there", kibibytes(ours)),
    };
    let what = format!("{clients} idle TLS connections: memory of each, tls against nginx");
    bench.row(&what, measured, "no more", theirs.map(|theirs| ours <= theirs))
}

/// What each of so many connections costs, in bytes.
fn each(server: SocketAddr, options: &ClientOptions, clients: usize, memory: impl Fn() -> u64) -> Result<u64, Error> {
    let connect = || {
        let options = ClientOptions { connect: Deadline::after(Duration::from_secs(30)), ..options.clone() };
        Client::connect(&Server::new(server.ip().to_string(), server.port()), &options)
    };
    let first: Vec<_> = (0..FIRST).map(|_| connect()).collect::<Result<_, _>>()?;
    let before = memory();
    let all: Vec<_> = (0..clients).map(|_| connect()).collect::<Result<_, _>>()?;
    thread::sleep(Duration::from_millis(200));
    let after = memory();
    drop((first, all));
    Ok(after.saturating_sub(before) / clients as u64)
}

/// nginx on a free port, with one connection more than anyone needs; `None` when it is missing.
fn nginx(folder: &Path) -> Option<(Program, SocketAddr)> {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).ok()?.local_addr().ok()?.port();
    let config = format!(
        "worker_processes auto; daemon off; pid nginx.pid; error_log stderr crit; events {{ worker_connections 4096; }}
         http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; ssl_session_cache off;
         ssl_certificate localhost_cert.pem; ssl_certificate_key localhost_key.pem; }} }}"
    );
    fs::write(folder.join("nginx.conf"), config).ok()?;
    let folder = format!("{}/", folder.display());
    let program = Program::spawn(command("nginx", &["-p", &folder, "-c", "nginx.conf"])).ok()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let is_there = |_: u32| {
        thread::sleep(Duration::from_millis(20));
        std::net::TcpStream::connect(address).is_ok()
    };
    (0..500).any(is_there).then_some((program, address))
}

/// What a process and its children keep in memory, the kernel's stacks included, in bytes.
fn memory_of_family(process: u32) -> u64 {
    let children = Command::new("pgrep").args(["-P", &process.to_string()]).output();
    let children = children.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let family = children.lines().filter_map(|child| child.parse().ok()).chain([process]);
    family.map(|process: u32| memory_of(process, "VmRSS:").unwrap_or_default()).sum()
}
