//! The secure channel: its five steps, the same over TLS, and three attacks, each on plain text and on the channel.

use std::path::Path;

use lab_process::{Outcome, Program};
use labnet::Error;

use crate::runner::{DEADLINE, ExperimentError, Runner, check};

/// The message of the source, and the same with a flipped bit.
const MESSAGE: &str = "The OTP for transferring Rs 1,00,000 to your friend's account is 256345.\n";
const ALTERED: &str = "The OTP for transferring Rs 1,00,000 to your friend's account is 256344.\n";

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| Error::System { attempt: "make a folder", source })?;
    let folder = folder.path();
    runner.experiment("Step 1, plain text: the message as it is, and an ACK that proves nothing", |runner| {
        plain(runner, folder)
    })?;
    runner.experiment("Step 2, certificates: the third party vouches for server and client", |runner| {
        certify(runner, folder)
    })?;
    runner.experiment("Step 3, handshake: hellos, certificates, keys that both sides confirm", |runner| {
        handshake(runner, folder)
    })?;
    runner
        .experiment("Step 4, record protocol: AES-128 under HMAC, or AES-256-GCM", |runner| records(runner, folder))?;
    runner.experiment("Step 5, acknowledgement: no success without it", |runner| acknowledgement(runner, folder))?;
    runner.experiment("The same message over mutual TLS", |runner| tls(runner, folder))?;
    runner.experiment("Attack: eavesdropping", |runner| eavesdrop(runner, folder))?;
    runner.experiment("Attack: a flipped bit", |runner| flip(runner, folder))?;
    runner.experiment("Attack: a certificate of another CA", |runner| swap(runner, folder))
}

/// The result of a session.
struct ChannelSession {
    client: Outcome,
    server: Outcome,
    /// The last line of the attacker's output; empty without an attacker.
    verdict: String,
}

/// Sends one message from server to client, through an attacker if there is one.
fn session(
    runner: &Runner,
    folder: &Path,
    step: &str,
    attack: Option<&str>,
    options: &[&str],
) -> Result<ChannelSession, ExperimentError> {
    let dir = folder.display().to_string();
    let server = runner.start("channel-server", &["--step", step, "--once", "--port", "0", "--dir", &dir])?;
    let (server, mut port) = listening(server)?;
    let attacker = match attack {
        Some(attack) => {
            let to = format!("127.0.0.1:{port}");
            let attacker = runner.start("channel-attack", &["--listen", "0", "--to", &to, attack, "--dir", &dir])?;
            let (attacker, on_the_way) = listening(attacker)?;
            port = on_the_way;
            Some(attacker)
        }
        None => None,
    };
    let common = ["127.0.0.1", &port, "--step", step, "--dir", &dir];
    let client = runner.start("channel-client", &[&common, options].concat())?;
    let finish = if attack.is_none() && options.is_empty() { Runner::finish } else { Runner::finish_in_short };
    let client = finish(runner, client)?;
    runner.show(["The server:"].into_iter())?;
    let server = finish(runner, server)?;
    let mut verdict = String::new();
    if let Some(attacker) = attacker {
        runner.show(["The attacker:"].into_iter())?;
        let outcome = attacker.finish(DEADLINE)?;
        verdict = outcome.stdout().lines().last().unwrap_or_default().to_owned();
        runner.show([&verdict].into_iter())?;
    }
    Ok(ChannelSession { client, server, verdict })
}

/// Waits until a program listens: the program, its port.
fn listening(mut program: Program) -> Result<(Program, String), ExperimentError> {
    let address = program.wait_until_listening(DEADLINE)?;
    Ok((program, address.port().to_string()))
}

impl ChannelSession {
    /// Checks that both sides succeeded, and that the output of the client ends with this message.
    fn delivered(&self, message: &str) -> Result<(), ExperimentError> {
        check("the message, last", self.client.stdout().ends_with(message))?;
        check("exit status 0 on both sides", (self.client.code(), self.server.code()) == (0, 0))
    }

    /// Checks that both sides failed, and that the client shows no message.
    fn refused(&self) -> Result<(), ExperimentError> {
        check("no message", !self.client.stdout().contains("The OTP"))?;
        check("exit status 1 on both sides", (self.client.code(), self.server.code()) == (1, 1))
    }
}

fn plain(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    session(runner, folder, "plain", None, &[])?.delivered(MESSAGE)
}

fn certify(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let dir = folder.display().to_string();
    runner.run("ttp", &["init", "--dir", &dir])?;
    for name in ["server", "client"] {
        runner.run("ttp", &["issue", name, "--dir", &dir])?;
        let certificate = folder.join(format!("{name}_cert.pem")).display().to_string();
        runner.run("ttp", &["verify", &certificate, "--purpose", name, "--name", name, "--dir", &dir])?;
    }
    Ok(())
}

fn handshake(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let session = session(runner, folder, "secure", None, &[])?;
    session.delivered(MESSAGE)?;
    for (outcome, peer) in [(&session.client, "server"), (&session.server, "client")] {
        let told = outcome.stdout();
        let facts = [format!("common name: {peer}"), "version: 3".to_owned(), format!("{peer} certificate verified")];
        check("the peer's certificate, verified", facts.iter().all(|fact| told.contains(fact.as_str())))?;
        check("keys confirmed by both sides", told.contains("confirmed by both sides"))?;
    }
    Ok(())
}

fn records(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    for (suite, name) in [("aes128-hmac", "RSA-AES128-CTR-HMAC-SHA256"), ("aes256-gcm", "RSA-AES256-GCM-SHA256")] {
        let session = session(runner, folder, "secure", None, &["--suite", suite, "--stats"])?;
        session.delivered(MESSAGE)?;
        check("the ciphertext, before the message", session.client.stdout().contains("ciphertext: "))?;
        let stats = session.client.stats();
        check("the suite that was asked for", stats.first().is_some_and(|stats| stats["suite"] == name))?;
    }
    Ok(())
}

fn acknowledgement(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let whole = session(runner, folder, "secure", None, &["--quiet"])?;
    whole.delivered(MESSAGE)?;
    check("the message alone", whole.client.stdout() == MESSAGE)?;
    // The attacker takes the end of the message away: the client has nothing to acknowledge.
    let cut = session(runner, folder, "secure", Some("truncate"), &[])?;
    cut.refused()
}

fn tls(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let session = session(runner, folder, "tls", None, &["--stats"])?;
    session.delivered(MESSAGE)?;
    check("TLS 1.3", session.client.stdout().contains("TLSv1.3"))
}

fn eavesdrop(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let plain = session(runner, folder, "plain", Some("eavesdrop"), &[])?;
    plain.delivered(MESSAGE)?;
    check("plain text is read", plain.verdict == format!("achieved: read the message: {}", MESSAGE.trim_end()))?;
    let secure = session(runner, folder, "secure", Some("eavesdrop"), &[])?;
    secure.delivered(MESSAGE)?;
    check("the channel shows no word of the message", secure.verdict.starts_with("stopped: "))
}

fn flip(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let plain = session(runner, folder, "plain", Some("flip"), &[])?;
    plain.delivered(ALTERED)?;
    check("nobody notices in plain text", plain.verdict.starts_with("achieved: "))?;
    let secure = session(runner, folder, "secure", Some("flip"), &[])?;
    secure.refused()?;
    check("the record's check is named to the client", secure.client.stderr().contains("fails its check"))?;
    check("the server learns only that it failed", secure.server.stderr().contains("alert failure"))?;
    check("the attacker is stopped", secure.verdict.starts_with("stopped: "))
}

fn swap(runner: &Runner, folder: &Path) -> Result<(), ExperimentError> {
    let secure = session(runner, folder, "secure", Some("swap-other-ca"), &[])?;
    secure.refused()?;
    check("the client says what is wrong", secure.client.stderr().contains("not that of the CA that is trusted"))?;
    check("the attacker is stopped", secure.verdict.starts_with("stopped: "))
}
