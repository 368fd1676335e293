//! A key, a request, a certificate, a PMU behind TLS, and three clients (Q25 to Q28).

use std::path::Path;

use lab_process::Program;
use labnet::Error;
use mock_servers::ServerName;

use crate::{
    runner::{DEADLINE, ExperimentError, Runner, check},
    servers::RunningServers,
};

/// The identity of the student.
const ID: &str = "123456";

const PYTHON: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as tcp:
    with context.wrap_socket(tcp, server_hostname='localhost') as pmu:
        print(pmu.version(), pmu.cipher()[0])
        pmu.sendall(b'CMD_short:0')
        text = b''
        while True:
            data = pmu.recv(1024)
            if not data:
                break
            text += data
        print(text.decode())
";

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| Error::System { attempt: "make a folder", source })?;
    let folder = folder.path();
    runner.experiment("From key to certificate: request, sign, verify", |runner| certify(runner, folder))?;
    runner.experiment("part6-pmu and part6-pdc: messages over TLS (Q25, Q26)", |runner| own_client(runner, folder))?;
    runner.experiment("part6-pmu and other clients: openssl s_client, Python's ssl", |runner| {
        other_clients(runner, folder)
    })?;
    runner.experiment("The TLS mock server, with a certificate made in certs/", mock)
}

fn path(folder: &Path, file: &str) -> String {
    folder.join(file).display().to_string()
}

fn certify(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let dir = folder.display().to_string();
    runner.run("ttp", &["init", "--dir", &dir])?;
    runner.run("ttp", &["request", ID, "--dir", &dir])?;
    runner.run("ttp", &["sign", &path(folder, "123456.csr"), "--dir", &dir])?;
    let verified =
        runner.run("ttp", &["verify", &path(folder, "123456_cert.pem"), "--name", "localhost", "--dir", &dir])?;
    check("the certificate is good for localhost", verified.stdout().ends_with(": ok\n"))?;
    let certificate = runner.run("ttp", &["show", &path(folder, "123456_cert.pem")])?;
    check("it was signed with SHA-256", certificate.stdout().contains("sha256"))
}

/// Starts the PMU on a free port.
fn pmu(runner: &Runner, folder: &Path) -> Result<(Program, String), ExperimentError> {
    let (certificate, key) = (path(folder, "123456_cert.pem"), path(folder, "123456_key.pem"));
    let (pmu, address) = runner.start_server("part6-pmu", &["0", &certificate, &key])?;
    Ok((pmu, address.port().to_string()))
}

fn own_client(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let (mut pmu, port) = pmu(runner, folder)?;
    let server = format!("localhost:{port}");
    let pdc = runner.run("part6-pdc", &["CMD_short:0", &path(folder, "cacert.pem"), "--server", &server, "--stats"])?;
    let expected: String = (1..=10).map(|i| format!("This is PMU data {i}\n")).collect();
    check("This is PMU data 1 to 10, each on its own line", pdc.stdout() == expected)?;
    check("an end with close_notify", !pdc.stderr().contains("close_notify"))?;
    let line = pmu.line_with("report the connection", DEADLINE, |line| line.text.contains("CMD_short:0"))?;
    runner.show(["The PMU:", &line.text].into_iter())?;
    check("TLS 1.3 with AES-256-GCM", line.text.contains("TLSv1.3 TLS_AES_256_GCM_SHA384"))
}

fn other_clients(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let (_pmu, port) = pmu(runner, folder)?;
    let (ca, to) = (path(folder, "cacert.pem"), format!("127.0.0.1:{port}"));
    // With -quiet it goes on after the end of its input, until the PMU closes.
    let openssl = ["s_client", "-quiet", "-tls1_2", "-connect", &to, "-CAfile", &ca, "-verify_return_error"];
    if let Some(openssl) = runner.run_other("openssl", &openssl, b"CMD_short:0\n")? {
        check("the last message arrives at openssl", openssl.stdout().contains("This is PMU data 10"))?;
    }
    if let Some(python) = runner.run_other("python3", &["-c", PYTHON, &port, &ca], b"")? {
        check("the last message arrives at Python", python.stdout().contains("This is PMU data 10"))?;
    }
    Ok(())
}

fn mock(runner: &Runner) -> Result<(), ExperimentError> {
    let servers = RunningServers::start(runner, &["tls"])?;
    let server = format!("localhost:{}", servers.port(ServerName::Tls)?);
    let pdc = runner.run("part6-pdc", &["CMD_floodme", "certs/cacert.pem", "--server", &server])?;
    check("65,536 bytes, and a newline at the end", pdc.stdout.len() == 65_537)
}
