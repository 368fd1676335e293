//! The clock reset against a server of either family, and a run of several (Q16, Q17).

use labnet::Error;
use mock_servers::ServerName;

use crate::{
    runner::{ExperimentError, Runner, check},
    servers::RunningServers,
};

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    runner.experiment("A reset while the server runs on IPv4 (Q16)", |runner| {
        once(runner, "ipv4", "127.0.0.1:", "IPv4")
    })?;
    runner
        .experiment("A reset while the server runs on IPv6 (Q16)", |runner| once(runner, "ipv6", "[::1]:", "IPv6"))?;
    runner.experiment("Twenty resets: mean and loss (Q17), with a timeout of 0.1 s to save time", several)
}

fn once(runner: &Runner, family: &str, address: &str, name: &str) -> Result<(), ExperimentError> {
    let servers = RunningServers::start(runner, &["reset", "--family", family])?;
    let pdc = runner.run("part3-reset", &["localhost", &servers.port(ServerName::Reset)?])?;
    let line = pdc.stdout();
    check("an offset", line.starts_with("OFFSET="))?;
    check("the address and family that answered", line.contains(&format!(" from {address}")))?;
    check("the family that answered", line.contains(&format!(" over {name} after ")))
}

fn several(runner: &Runner) -> Result<(), ExperimentError> {
    let servers = RunningServers::start(runner, &["reset", "--family", "both"])?;
    let port = servers.port(ServerName::Reset)?;
    let pdc = runner.run("part3-reset", &["localhost", &port, "--runs", "20", "--timeout", "0.1"])?;
    let stdout = pdc.stdout();
    let offsets = stdout.lines().filter(|line| line.starts_with("OFFSET=")).count();
    check("20 acknowledgements", offsets == 20)?;
    let last = stdout.lines().last().unwrap_or_default();
    check("mean and loss", last.starts_with("mean ") && last.ends_with(" over 20 runs"))
}
