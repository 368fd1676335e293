//! Before the experiments: which arguments does a program of somebody else take, the handout's or a later edition's?
//!
//! A program whose arguments were not given is run once with the handout's. If it ends without having got as far as its
//! server, and with a later edition's it asks that server what it was told to, it gets those from then on. One that only
//! is slow keeps the handout's. A PMU that wants no port among its arguments is found out in the same way.

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
    scenarios::pmu::Identity,
    session::server_settings,
    topology::Topology,
};

/// How long a program has to get as far as its server (ours; the start of a JVM on a busy machine).
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may take to say what a client did that has ended (ours; it reads on for a second).
const GRACE: Duration = Duration::from_secs(3);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Finds out which arguments programs take, the handout's or a later edition's: tries each that has no template, side by
/// side. [`run`](super::scenarios::run) begins with it.
pub fn rehearse(testbed: &Testbed) {
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
                if matches!(reaches(Arguments::Handout), Ok(Reach::Ended))
                    && matches!(reaches(Arguments::Later), Ok(Reach::Asked))
                {
                    testbed.programs().take_later(role);
                }
            });
        }
    });
}

/// How far a program got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It asked its server what it was told to ask.
    Asked,
    /// It did something at its server.
    Seen,
    /// It ended, and its server knows nothing of it.
    Ended,
    /// It was not seen in time.
    Unknown,
}

impl Reach {
    fn of(event: &Event) -> Self {
        match event {
            Event::Answered { .. } | Event::Acknowledged { .. } | Event::Heard { .. } => Self::Asked,
            _ => Self::Seen,
        }
    }
}

/// One try.
struct Rehearsal<'a> {
    testbed: &'a Testbed,
    role: ProgramRole,
    arguments: Arguments,
}

impl Rehearsal<'_> {
    fn reaches_its_server(&self) -> Result<Reach, ExperimentFailure> {
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
        let programs = self.testbed.programs();
        let identity = (role == ProgramRole::Part6Pmu).then(Identity::new).transpose()?;
        let of_pmu = identity.as_ref().map(Identity::arguments).unwrap_or_default();
        let of_pmu = of_pmu.each_ref().map(String::as_str);
        let (mut command, line) =
            programs.command_with(role, if identity.is_some() { &of_pmu } else { handout }, self.arguments);
        if let Some(identity) = &identity {
            programs.show(&mut command, identity.folder());
        }
        if let Some(identity) = identity.as_ref().filter(|_| !programs.leaves_folder(role)) {
            command.current_dir(identity.workplace(&programs.others_folder()?)?);
        }
        let client = hosts.client()?;
        let max_output = settings.max_output;
        let mut program = client.run(move || Program::spawn_limited(command, line, max_output))?;
        program.input(b"Is this the group?\n");
        Ok(self.wait(client, &mut program, &seen))
    }

    /// Waits until the program has been seen, or will not be any more.
    fn wait(&self, client: &Host, program: &mut Program, seen: &Receiver<Event>) -> Reach {
        let mut until = Instant::now() + PATIENCE;
        let mut has_ended = false;
        let port = self.testbed.settings().ports.multicast;
        while Instant::now() < until {
            let reach = match self.role {
                ProgramRole::Part4Receiver => {
                    let is_open = client.run(move || is_open(sockets::Protocol::Udp, |open| open == port));
                    is_open.then_some(Reach::Asked)
                }
                ProgramRole::Part6Pmu => {
                    client.run(|| is_open(sockets::Protocol::Tcp, |_| true)).then_some(Reach::Asked)
                }
                _ => seen.try_recv().ok().as_ref().map(Reach::of),
            };
            if let Some(reach) = reach {
                return reach;
            }
            // No line matches: a pause that ends with the program.
            let over = program.line_with("get as far as its server", POLL_INTERVAL, |_| false);
            if matches!(over, Err(lab_process::Error::Ended { .. })) && !has_ended {
                has_ended = true;
                until = until.min(Instant::now() + GRACE);
            }
        }
        if has_ended { Reach::Ended } else { Reach::Unknown }
    }
}

/// Whether such a port is open on this host.
fn is_open(protocol: sockets::Protocol, is_wanted: impl Fn(u16) -> bool) -> bool {
    sockets::waiting(protocol).unwrap_or_default().iter().any(|address| is_wanted(address.port()))
}

/// The server of a program; the group of part 4 for its sender, and nothing for its receiver and the PMU.
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
