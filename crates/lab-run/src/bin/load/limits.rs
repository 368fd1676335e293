//! Clients beyond the cap: each has an end at once, and one event is for all.

use std::time::Duration;

use lab_run::{Error, measure::Bench};
use mock_servers::ServerName;

use crate::{
    crowd::{Behaviour, crowd},
    server::{Servers, system},
};

/// How many clients come, and how many are allowed.
const CLIENTS: usize = 400;
const ALLOWED: usize = 100;

/// How soon one that is turned away has its end, on a machine that has 400 clients to start.
const AT_ONCE: Duration = Duration::from_secs(1);

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    for (server, behaviour, end) in [
        (ServerName::Pmu, Behaviour::Asks("CMD_short:0.3"), "a FIN"),
        (ServerName::Ws, Behaviour::AsksOverWebSocket("CMD_short:0.3"), "503"),
    ] {
        let (name, most) = (server.to_string(), ALLOWED.to_string());
        let port = format!("--{name}-port");
        let servers = Servers::start(&bench.path("mock-servers"), &[&name, &port, "0", "--max-connections", &most])?;
        let seen = crowd(servers.address(server)?, CLIENTS, behaviour, Duration::ZERO);
        let seen = seen.map_err(|source| system("connect", source))?;
        std::thread::sleep(Duration::from_millis(200));
        let overloads = servers.events("at-capacity");
        let measured = format!(
            "{} answered, {} turned away with {end}, the last after {:.0} ms; {overloads} event{}",
            seen.answered,
            seen.turned_away,
            seen.slowest_end.as_secs_f64() * 1e3,
            seen.failure.map(|why| format!("; {why}")).unwrap_or_default()
        );
        let holds = seen.answered == ALLOWED
            && seen.turned_away == CLIENTS - ALLOWED
            && seen.slowest_end <= AT_ONCE
            && overloads == 1;
        let what = format!("{CLIENTS} clients of {name} at once, {ALLOWED} allowed");
        bench.row(&what, measured, "100 answered, the others turned away within a second, 1 event", Some(holds))?;
    }
    Ok(())
}
