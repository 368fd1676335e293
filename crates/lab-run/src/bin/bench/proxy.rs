//! The time of a download through tls-proxy, which decrypts and encrypts again, beside a direct one and one through nginx.

use std::{fs, path::Path, time::Duration};

use lab_process::Program;
use lab_run::Error;
use lab_run::measure::{Bench, command, cost};
use ttp::CaDirectory;

use crate::handshakes::{free_port, ready};

/// 1 GiB.
const WHAT: &str = "1 GiB download by tls-client";
const PAGE: &str = "/bytes/1073741824";

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| labnet::Error::System { attempt: "make a folder", source })?;
    let directory = CaDirectory::new(folder.path());
    directory.ensure(&["localhost"])?;
    let files = [directory.certificate("localhost"), directory.key("localhost"), directory.ca_certificate()];
    let [certificate, key, ca] = &files.map(|path| path.display().to_string());
    let ca_key = folder.path().join("cakey.pem").display().to_string();

    let Some((_server, server)) = start(bench, "tls-server", &[certificate, key, "--port", "0"]) else {
        return Ok(());
    };
    let to = format!("localhost:{server}");
    let proxy = ["--ca", ca, &ca_key, "--listen", "127.0.0.1:0", "--to", &to, "--cafile", ca, "--show", "0"];
    let Some((_proxy, proxy)) = start(bench, "tls-proxy", &proxy) else { return Ok(()) };

    let client = bench.path("tls-client");
    let download = |port: &str| {
        let arguments = ["localhost", port, "--cafile", ca, "--http", PAGE, "--output", "-"];
        cost(command(&client, &arguments)).map(|cost| cost.time)
    };
    let (mut through, mut direct) = (|| download(&proxy), || download(&server));
    let ours = ("through tls-proxy", &mut through as _);
    bench.compare(WHAT, ours, ("without it", &mut direct), 0.45)?;

    let nginx = nginx(folder.path(), &server);
    let mut theirs = || download(&nginx.as_ref()?.1.to_string());
    let ours = ("through tls-proxy", &mut through as _);
    bench.compare(WHAT, ours, ("through nginx as TLS reverse proxy", &mut theirs), 1.3)
}

/// nginx, which decrypts, verifies the server, and encrypts again, with what else it does by default.
fn nginx(folder: &Path, server: &str) -> Option<(Program, u16)> {
    let port = free_port()?;
    let config = format!(
        "worker_processes auto; daemon off; pid nginx.pid; error_log stderr crit; events {{}}
         http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; ssl_session_cache off;
         ssl_certificate localhost_cert.pem; ssl_certificate_key localhost_key.pem;
         location / {{ proxy_pass https://localhost:{server}; proxy_http_version 1.1; proxy_ssl_verify on;
         proxy_ssl_trusted_certificate cacert.pem; proxy_ssl_name localhost; proxy_ssl_server_name on;
         proxy_ssl_protocols TLSv1.3; }} }} }}"
    );
    fs::write(folder.join("nginx.conf"), config).ok()?;
    let folder = folder.display().to_string();
    ready(Program::spawn(command("nginx", &["-p", &folder, "-c", "nginx.conf"])).ok()?, port)
}

/// A server on a free port.
fn start(bench: &Bench, program: &str, arguments: &[&str]) -> Option<(Program, String)> {
    let mut server = Program::spawn(command(bench.path(program), arguments)).ok()?;
    let address = server.wait_until_listening(TIMEOUT).ok()?;
    Some((server, address.port().to_string()))
}
