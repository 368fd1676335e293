//! `CMD_short:0`, `CMD_short:1` and `CMD_floodme` over TCP (Q10 to Q15).

use std::time::Duration;

use labnet::Error;
use mock_servers::ServerName;

use crate::{
    runner::{ExperimentError, Runner, check},
    servers::RunningServers,
};

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    runner.experiment("CMD_short:0: ten lines from fewer than ten packets (Q10, Q11)", |runner| {
        let segments = short(runner, "CMD_short:0", Duration::ZERO)?;
        check("fewer than 10 TCP segments with payload", segments.is_none_or(|segments| segments < 10))
    })?;
    runner.experiment("CMD_short:1: ten lines from ten packets, a second apart (Q10, Q11)", |runner| {
        let segments = short(runner, "CMD_short:1", Duration::from_secs(1))?;
        check("10 TCP segments with payload", segments.is_none_or(|segments| segments == 10))
    })?;
    runner.experiment("CMD_floodme: one send, several recv calls (Q14, Q15)", flood)
}

/// Requests ten messages. Returns the number of their TCP segments, where the system counts them.
fn short(runner: &Runner, command: &str, interval: Duration) -> Result<Option<u64>, ExperimentError> {
    let servers = RunningServers::start(runner, &["pmu"])?;
    let pdc = runner.run("part2-pdc", &["127.0.0.1", &servers.port(ServerName::Pmu)?, command, "--stats"])?;
    let expected: String = (1..=10).map(|i| format!("This is PMU data {i}\n")).collect();
    check("This is PMU data 1 to 10, each on its own line", pdc.stdout() == expected)?;
    let times: Vec<_> = pdc.lines.iter().filter(|line| line.text.starts_with("This")).map(|line| line.at).collect();
    if let [first, .., last] = times.as_slice() {
        // Half of the interval leaves room for a busy machine.
        check("lines that appear as the messages arrive", *last - *first >= interval * 9 / 2)?;
    }
    Ok(pdc.stats().first().and_then(|stats| stats["data_segments_in"].as_u64()))
}

fn flood(runner: &Runner) -> Result<(), ExperimentError> {
    let servers = RunningServers::start(runner, &["pmu"])?;
    let port = servers.port(ServerName::Pmu)?;
    let whole = runner.run("part2-pdc", &["127.0.0.1", &port, "CMD_floodme", "--stats"])?;
    let pieces = runner.run("part2-pdc", &["127.0.0.1", &port, "CMD_floodme", "--stats", "--recv-buffer", "1000"])?;
    check("65,536 bytes, and a newline at the end", whole.stdout.len() == 65_537)?;
    check("the same text with a smaller buffer", whole.stdout == pieces.stdout)?;
    check("plain ASCII", whole.stdout.is_ascii())?;
    check("a last line that says so", whole.stdout().lines().last().is_some_and(|line| line.contains("is the last")))?;
    let recv_calls =
        |outcome: &lab_process::Outcome| outcome.stats().first().and_then(|stats| stats["recv_calls"].as_u64());
    // 65,536 bytes by 1,000, and the empty one at the end.
    check("at least 67 recv calls of 1,000 bytes", recv_calls(&pieces).is_some_and(|calls| calls >= 67))?;
    check("fewer recv calls with a larger buffer", recv_calls(&whole) < recv_calls(&pieces))
}
