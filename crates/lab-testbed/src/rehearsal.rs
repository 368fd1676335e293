//! Before the experiments: which arguments does a program of somebody else take, the handout's or a later edition's?
//!
//! A program whose arguments were not given is run once with the handout's. If it does not get as far as its server, and
//! with a later edition's it does, it gets those from then on.

use std::{
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use lab_process::{Program, sockets};
use lab_sandbox::{Host, HostConfig, path::NetworkPath};
use labnet::net::{Interface, Running};
use mock_servers::{Event, Events, ServerSettings, multicast, pmu, reset, ws};

use crate::{
    ExperimentFailure, Testbed,
    facts::Scenario,
    programs::{Arguments, ProgramRole},
    session::server_settings,
    topology::Topology,
};

/// How long a program has to get as far as its server (ours; the start of a JVM on a busy machine).
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a packet may be under way after the end of its sender (ours).
const GRACE: Duration = Duration::from_millis(300);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Tries each program whose arguments are not known, side by side.
pub(crate) fn rehearse(testbed: &Testbed) {
    let is_wanted = |role: &ProgramRole| {
        let part = role.name().get(.."part2".len()).unwrap_or_default();
        Scenario::ALL
            .iter()
            .any(|&scenario| scenario.name().starts_with(part) && testbed.settings().is_wanted(scenario))
    };
    thread::scope(|scope| {
        for role in testbed.programs().untried().into_iter().filter(is_wanted) {
            scope.spawn(move || {
                let reaches = |arguments| Rehearsal { testbed, role, arguments }.reaches_its_server();
                // Where the system refuses a network, the experiments will say so.
                if matches!(reaches(Arguments::Handout), Ok(false)) && matches!(reaches(Arguments::Later), Ok(true)) {
                    testbed.programs().take_later(role);
                }
            });
        }
    });
}

/// One try.
struct Rehearsal<'a> {
    testbed: &'a Testbed,
    role: ProgramRole,
    arguments: Arguments,
}

impl Rehearsal<'_> {
    fn reaches_its_server(&self) -> Result<bool, ExperimentFailure> {
        let settings = self.testbed.settings();
        let hosts = Topology::switched(&[HostConfig::CLIENT, HostConfig::SERVER], NetworkPath::default(), 0)?;
        let (events, seen) = mpsc::channel();
        let server = server_settings(settings.seed, Events::new(move |event| drop(events.send(event))));
        let role = self.role;
        let port = settings.ports.multicast;
        let _running = hosts.server()?.run(move || serve(role, port, &server))?;
        let handout: &[&str] = match role {
            ProgramRole::Part2 | ProgramRole::Part5 => &["CMD_short:0"],
            ProgramRole::Part4Sender => &["123456"],
            _ => &[],
        };
        let (command, line) = self.testbed.programs().command_with(role, handout, self.arguments);
        let client = hosts.client()?;
        let mut program = client.run(move || Program::spawn_as(command, line))?;
        program.input(b"Is this the group?\n");
        Ok(self.wait(client, &mut program, &seen))
    }

    /// Waits until the program has been seen, or will not be any more.
    fn wait(&self, client: &Host, program: &mut Program, seen: &Receiver<Event>) -> bool {
        let mut until = Instant::now() + PATIENCE;
        let mut has_ended = false;
        let port = self.testbed.settings().ports.multicast;
        while Instant::now() < until {
            let is_seen = match self.role {
                ProgramRole::Part4Receiver => client.run(move || {
                    let sockets = sockets::waiting(sockets::Protocol::Udp).unwrap_or_default();
                    sockets.iter().any(|address| address.port() == port)
                }),
                _ => seen.try_recv().is_ok(),
            };
            if is_seen {
                return true;
            }
            // No line matches: a pause that ends with the program.
            let over = program.line_with("get as far as its server", POLL_INTERVAL, |_| false);
            if matches!(over, Err(lab_process::Error::Ended { .. })) && !has_ended {
                has_ended = true;
                until = until.min(Instant::now() + GRACE);
            }
        }
        false
    }
}

/// The server of a program; the group of part 4 for its sender, and nothing for its receiver.
fn serve(role: ProgramRole, port: u16, settings: &ServerSettings) -> Result<Option<Running>, labnet::Error> {
    match role {
        ProgramRole::Part2 => pmu::spawn(&pmu::Config::default(), settings).map(Some),
        ProgramRole::Part3 => {
            let config = reset::Config { loss: 0.0, schedule: reset::Schedule::Both, ..reset::Config::default() };
            reset::spawn(&config, settings).map(Some)
        }
        ProgramRole::Part4Sender => {
            let interface = Interface::from(HostConfig::SERVER.ipv4);
            multicast::spawn(&multicast::Config { interface, port, ..multicast::Config::default() }, settings).map(Some)
        }
        ProgramRole::Part5 => ws::spawn(&ws::Config::default(), settings).map(Some),
        _ => Ok(None),
    }
}
