//! The time of a download through tls-proxy, which decrypts and encrypts again, beside a direct one.

use std::time::Duration;

use lab_process::Program;
use lab_run::Error;
use lab_run::measure::{Bench, command, cost};
use ttp::CaDirectory;

/// 1 GiB.
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
    bench.compare("1 GiB download by tls-client", ours, ("without it", &mut direct), 0.4)
}

/// A server on a free port.
fn start(bench: &Bench, program: &str, arguments: &[&str]) -> Option<(Program, String)> {
    let mut server = Program::spawn(command(bench.path(program), arguments)).ok()?;
    let address = server.wait_until_listening(TIMEOUT).ok()?;
    Some((server, address.port().to_string()))
}
