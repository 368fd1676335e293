//! The dialogue of part 2 over WebSocket (Q22 to Q24).

use labnet::Error;
use mock_servers::ServerName;

use crate::{
    runner::{ExperimentError, Runner, check},
    servers::RunningServers,
};

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    runner.experiment("CMD_short:0 over WebSocket: ten messages, on_message ten times (Q22, Q23)", short)?;
    runner.experiment("CMD_floodme over WebSocket: one message, on_message once (Q24)", flood)
}

fn short(runner: &Runner) -> Result<(), ExperimentError> {
    let servers = RunningServers::start(runner, &["ws"])?;
    let pdc = runner.run("part5-ws", &["127.0.0.1", &servers.port(ServerName::Ws)?, "CMD_short:0", "--stats"])?;
    let expected: String = (1..=10).map(|i| format!("This is PMU data {i}\n")).collect();
    check("This is PMU data 1 to 10, each on its own line", pdc.stdout() == expected)?;
    check("on_message 10 times", on_message(&pdc) == Some(10))
}

fn flood(runner: &Runner) -> Result<(), ExperimentError> {
    let servers = RunningServers::start(runner, &["ws"])?;
    let url = format!("ws://127.0.0.1:{}/", servers.port(ServerName::Ws)?);
    let pdc = runner.run("part5-ws", &["--url", &url, "CMD_floodme", "--stats"])?;
    check("65,536 bytes, and a newline at the end", pdc.stdout.len() == 65_537)?;
    check("on_message once", on_message(&pdc) == Some(1))
}

fn on_message(outcome: &lab_process::Outcome) -> Option<u64> {
    outcome.stats().first().and_then(|stats| stats["on_message"].as_u64())
}
