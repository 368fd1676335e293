//! The TLS lab: a handshake step by step with its timeline, a man in the middle, and the zoo of bad servers.

use std::path::Path;

use lab_process::{Outcome, Program};
use labnet::Error;

use mock_servers::ServerName;

use crate::{
    runner::{DEADLINE, ExperimentError, Runner, check},
    servers::RunningServers,
};

/// The timeout of the client for each case of the zoo, in seconds (ours).
const TIMEOUT: &str = "1.5";

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| Error::System { attempt: "make a folder", source })?;
    let folder = folder.path();
    runner
        .experiment("tls-client and tls-server: TCP first, then TLS, with a timeline", |runner| walk(runner, folder))?;
    runner.experiment("tls-proxy: a trusted CA can impersonate anyone", |runner| impersonate(runner, folder))?;
    runner.experiment("The zoo: what a client must refuse, and why", |runner| zoo(runner, folder))
}

fn path(folder: &Path, file: &str) -> String {
    folder.join(file).display().to_string()
}

/// Starts a server and waits until it listens: the program, its port.
fn listening(runner: &Runner, program: &str, arguments: &[&str]) -> Result<(Program, String), ExperimentError> {
    let (program, address) = runner.start_server(program, arguments)?;
    Ok((program, address.port().to_string()))
}

/// A server of the lab with a certificate of a CA in the folder.
fn server(runner: &Runner, folder: &Path) -> Result<(Program, String), ExperimentError> {
    let dir = folder.display().to_string();
    if !folder.join("localhost_cert.pem").exists() {
        runner.run("ttp", &["init", "--dir", &dir])?;
        runner.run("ttp", &["issue", "localhost", "--dir", &dir])?;
    }
    let (certificate, key) = (path(folder, "localhost_cert.pem"), path(folder, "localhost_key.pem"));
    listening(runner, "tls-server", &[&certificate, &key, "--port", "0"])
}

fn walk(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let (_server, port) = server(runner, folder)?;
    let ca = path(folder, "cacert.pem");
    let mut client = runner.start("tls-client", &["localhost", &port, "--cafile", &ca, "--step", "--trace"])?;
    // Between the two handshakes the client waits for a key, and so do we: nothing has been said about TLS.
    client.line_with("pause", DEADLINE, |line| line.text.starts_with("pause after the TCP"))?;
    let records = |lines: &[lab_process::Line]| lines.iter().filter(|line| line.text.contains("ClientHello")).count();
    check("no TLS before the key", records(client.lines()) == 0)?;
    client.input(b"\n\n");
    let client = runner.finish_whole(client)?;
    check("exit status 0", client.code() == 0)?;
    let told = client.stderr();
    let position = |text: &str| told.find(text).unwrap_or(usize::MAX);
    check("TCP first, then TLS", position("ESTABLISHED") < position("ClientHello"))?;
    for message in ["ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished"] {
        check(&format!("{message} in the timeline"), told.contains(message))?;
    }
    check("TLS 1.3", client.stdout().contains("TLSv1.3"))
}

fn impersonate(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let (_server, port) = server(runner, folder)?;
    let evil = folder.join("evil");
    runner.run("ttp", &["init", "--dir", &evil.display().to_string()])?;
    let (ca, key) = (path(&evil, "cacert.pem"), path(&evil, "cakey.pem"));
    let (to, trusted) = (format!("localhost:{port}"), path(folder, "cacert.pem"));
    let arguments = ["--ca", &ca, &key, "--listen", "127.0.0.1:0", "--to", &to, "--cafile", &trusted];
    let (mut proxy, port) = listening(runner, "tls-proxy", &arguments)?;
    let fetch = |ca: &str| -> Result<Outcome, ExperimentError> {
        let client =
            runner.start("tls-client", &["localhost", &port, "--cafile", ca, "--http", "/", "--output", "-"])?;
        runner.finish_in_short(client)
    };
    let wary = fetch(&trusted)?;
    check("a client that does not trust the proxy's CA refuses", wary.code() == 1 && wary.stdout.is_empty())?;
    let victim = fetch(&ca)?;
    check("a client that does is served", victim.code() == 0 && !victim.stdout.is_empty())?;
    let shown = proxy.line_with("show what passed", DEADLINE, |line| line.text.contains("GET / HTTP/1.1"))?;
    runner.show(["The proxy has read:", &shown.text].into_iter())?;
    Ok(())
}

fn zoo(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let ca = path(folder, "zoo_cacert.pem");
    let list = runner.start("mock-servers", &["zoo", "--list"])?.finish(DEADLINE)?.stdout();
    let zoo = RunningServers::start(runner, &["zoo", "--zoo-port", "0", "--zoo-ca", &ca])?;
    let port = zoo.port(ServerName::Zoo)?;
    let (mut wrong, mut cases) = (Vec::new(), 0);
    for case in list.lines() {
        let mut words = case.split_whitespace();
        let (Some(name), Some(verdict)) = (words.next(), words.next()) else { continue };
        let common = [name, &port, "--connect", "127.0.0.1", "--cafile", &ca, "--timeout", TIMEOUT];
        // One defect shows only at the end of a page.
        let arguments = [&common[..], &["--http", "/", "--output", "-"]].concat();
        let client = runner.start_silently("tls-client", &arguments)?.finish(DEADLINE)?;
        let said = match client.code() {
            0 => "accepted".to_owned(),
            _ => client.stderr().lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or_default().to_owned(),
        };
        runner.show([format!("{verdict:<7} {name:<34} {said}")].into_iter())?;
        cases += 1;
        if (client.code() == 0) != (verdict == "accept") {
            wrong.push(name.to_owned());
        }
    }
    check("at least 60 cases", cases >= 60)?;
    check(&format!("each as the table says; not so: {}", wrong.join(", ")), wrong.is_empty())
}
