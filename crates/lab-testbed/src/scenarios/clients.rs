//! Part 6: several clients ask one PMU.

mod client;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use lab_packets::file::{KeyLog, Recording};
use labnet::tls::{KeyLogFile, Roots};

use super::pmu::{self, Identity, Listening};
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::{AnswerEnd, ClientKind, PmuClient, PmuClients},
    session::{ExperimentSession, ObservedProgram},
    topology::Topology,
};

use client::{Patience, SHORT, abort, ask, ask_plainly, stay_silent};

/// The time in which a PMU ends that does not survive a client (ours).
const END_GRACE: Duration = Duration::from_millis(150);

/// The same where it refuses a connection or breaks it off: it is about to end, if it has not ended yet.
const BROKEN_GRACE: Duration = Duration::from_secs(2);

/// The clients, one after the other.
pub(super) fn clients(session: &mut ExperimentSession<'_>) -> Result<PmuClients, ExperimentFailure> {
    let identity = Identity::new()?;
    let roots = identity.roots()?;
    let key_log = identity.file("clients.log");
    let keys = KeyLogFile::open(&key_log)?;
    let mut bench = Bench {
        session,
        identity,
        roots,
        keys,
        pmu: None,
        starts: 0,
        clients: Vec::new(),
        capture: None,
        recording: None,
    };
    let result = bench.run();
    bench.stop();
    let Bench { session, identity: _identity, clients, recording, .. } = bench;
    if let Some(mut recording) = recording {
        recording.secrets = KeyLog::new(&fs::read_to_string(&key_log).unwrap_or_default());
        session.keep_capture(&recording)?;
    }
    result.map(|()| PmuClients { clients })
}

/// A PMU and its clients so far.
struct Bench<'a, 'b> {
    session: &'a mut ExperimentSession<'b>,
    identity: Identity,
    roots: Roots,
    /// The secrets of all clients.
    keys: KeyLogFile,
    pmu: Option<Pmu>,
    starts: u64,
    clients: Vec<PmuClient>,
    /// The packets of the clients before the PMU is started again: while it runs, and then.
    capture: Option<Capture>,
    recording: Option<Recording>,
}

/// A running PMU; each start has a network of its own, so that its port is free.
struct Pmu {
    program: ObservedProgram,
    address: SocketAddr,
    hosts: Topology,
}

impl Bench<'_, '_> {
    fn run(&mut self) -> Result<(), ExperimentFailure> {
        let first = self.tls(ClientKind::First, SHORT, Patience::FIRST)?;
        if !first.is_secured || first.end == AnswerEnd::Open {
            // What it makes of other clients is no question then.
            return self.visit(ask_plainly).map(drop);
        }
        let second = self.tls(ClientKind::Second, SHORT, Patience::ANSWER)?;
        if second.bytes == 0 {
            return Ok(());
        }
        self.two_at_once()?;
        for command in ["CMD_unknown", "CMD_floodme"] {
            self.tls(ClientKind::OtherCommand, command, Patience::OTHER)?;
        }
        for visit in [ask_plainly, stay_silent, abort] {
            self.visit(visit)?;
            self.tls(ClientKind::Afterwards, SHORT, Patience::ANSWER)?;
        }
        // It leaves early, which a PMU need not survive: the last one.
        self.tls(ClientKind::Paced, "CMD_short:1", Patience::PACED)?;
        Ok(())
    }

    /// The PMU, started again if it has ended or did not answer the client before.
    fn pmu(&mut self) -> Result<&mut Pmu, ExperimentFailure> {
        let is_lost = self.clients.last().is_some_and(|last| last.pmu_status.is_some() || is_unanswered(last));
        if is_lost {
            self.stop();
        }
        if self.pmu.is_none() {
            let hosts = Topology::single()?;
            if self.starts == 0 {
                self.capture = Some(hosts.client()?.run(|| Capture::start("lo", u32::MAX))?);
            }
            let Listening { program, address } = pmu::start(self.session, hosts.server()?, &self.identity)?;
            self.starts += 1;
            let ip = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            self.pmu = Some(Pmu { program, address: SocketAddr::new(ip, address.port()), hosts });
        }
        self.pmu.as_mut().ok_or(ExperimentFailure::NoClientHello)
    }

    /// Ends the PMU, and the capture.
    fn stop(&mut self) {
        if let Some(Pmu { program, .. }) = self.pmu.take() {
            self.session.end(program);
        }
        if let Some(capture) = self.capture.take() {
            self.recording = Some(capture.stop());
        }
    }

    /// A client that speaks TLS.
    fn tls(
        &mut self,
        kind: ClientKind,
        command: &'static str,
        patience: Patience,
    ) -> Result<PmuClient, ExperimentFailure> {
        let (roots, keys) = (self.roots.clone(), self.keys.clone());
        self.visit(move |address| ask(address, (&roots, &keys), kind, command, patience))
    }

    /// A client; it runs on the host of the PMU.
    fn visit(
        &mut self,
        client: impl FnOnce(SocketAddr) -> PmuClient + Send + 'static,
    ) -> Result<PmuClient, ExperimentFailure> {
        let pmu = self.pmu()?;
        let address = pmu.address;
        let client = pmu.hosts.client()?.run(move || client(address));
        Ok(self.keep(client))
    }

    fn two_at_once(&mut self) -> Result<(), ExperimentFailure> {
        let trust = Arc::new((self.roots.clone(), self.keys.clone()));
        let pmu = self.pmu()?;
        let address = pmu.address;
        let both = pmu.hosts.client()?.run(move || {
            let start = || {
                let trust = Arc::clone(&trust);
                thread::spawn(move || ask(address, (&trust.0, &trust.1), ClientKind::AtOnce, SHORT, Patience::ANSWER))
            };
            [start(), start()].map(|running| running.join().ok())
        });
        for client in both.into_iter().flatten() {
            self.keep(client);
        }
        Ok(())
    }

    /// Adds what the PMU is after a client.
    fn keep(&mut self, mut client: PmuClient) -> PmuClient {
        client.start = self.starts;
        let is_broken = !client.is_accepted || (speaks_tls(&client) && client.bytes == 0);
        let grace = if is_broken && client.kind != ClientKind::OtherCommand { BROKEN_GRACE } else { END_GRACE };
        if let Some(mut pmu) = self.pmu.take_if(|pmu| pmu.program.ends_within(grace)) {
            client.pmu_status = Some(self.session.ended(&mut pmu.program).code());
            self.stop();
        }
        self.clients.push(client.clone());
        client
    }
}

/// Whether a client that spoke TLS got no answer.
fn is_unanswered(client: &PmuClient) -> bool {
    speaks_tls(client) && (!client.is_secured || client.end == AnswerEnd::Open)
}

fn speaks_tls(client: &PmuClient) -> bool {
    !matches!(client.kind, ClientKind::PlainText | ClientKind::Silent | ClientKind::Aborted)
}
