//! Part 6: our PDC and a PMU over TLS. The capture contains the secrets of the PDC.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
};

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    file::KeyLog,
    flow::{Direction, Flow},
    tls::{self, TlsDissection},
};
use lab_sandbox::HostConfig;
use labnet::tls::TlsVersion;
use tls_trace::Kind;

use super::{
    client_and_server,
    pmu::{self, Identity, LOCAL_NAME, NAME},
    separators::Separators,
};
use crate::{
    ExperimentFailure,
    facts::{Layer, LayerBytes, TlsFacts, TlsMessage, TlsSuite, Transfer},
    programs::ProgramRole,
    session::ExperimentSession,
    topology::{CLIENT, SERVER},
    watch::{self, Watch},
};

/// The name of the record that is no handshake message, but belongs to the handshake (RFC 5246, section 7.1).
const CHANGE_CIPHER_SPEC: &str = "ChangeCipherSpec";

/// The maximum of kept bytes of an answer that is no handshake (ours).
const MAX_ANSWER: usize = 32;

pub(super) fn session(session: &mut ExperimentSession<'_>, version: TlsVersion) -> Result<TlsFacts, ExperimentFailure> {
    let identity = Identity::new()?;
    let (ca, key_log) = (identity.ca().display().to_string(), identity.file("keys.log"));
    let hosts = client_and_server(session)?;
    let pmu::Listening { program, address } = pmu::start(session, hosts.server()?, &identity)?;

    // A PMU on a loopback address needs a client on its own host, without the path.
    let (client, name) = if address.ip().is_loopback() { (SERVER, LOCAL_NAME) } else { (CLIENT, NAME) };
    let ip = match address.ip() {
        loopback if loopback.is_loopback() => loopback,
        IpAddr::V4(_) => HostConfig::SERVER.ipv4.into(),
        IpAddr::V6(_) => HostConfig::SERVER.ipv6.into(),
    };
    let (server, log) = (SocketAddr::new(ip, address.port()).to_string(), key_log.display().to_string());
    let watch = Watch::begin(&hosts, client)?;
    let to = ["CMD_short:0", &ca, "--server", &server, "--name", name];
    let asked = [&to[..], &["--tls", version.number(), "--keylog", &log, "--stats", "--timeout", "10"]].concat();
    let pdc = session.start(hosts.host(client)?, ProgramRole::Part6Pdc, &asked)?;
    let outcome = session.finish(pdc);
    let mut pmu = Some(program);
    if let Some(program) = pmu.take_if(|_| outcome.code() != 0) {
        // It may keep its side open for ever.
        session.end(program);
    }
    let (mut recording, measured) =
        watch.end(session.scenario().name(), &hosts, address.port(), ProgramRole::Part6Pdc)?;
    if let Some(program) = pmu {
        session.end(program);
    }
    recording.secrets = KeyLog::new(&fs::read_to_string(&key_log).unwrap_or_default());
    session.keep_capture(&recording)?;
    let (mut transfer, flow) = measured.map_err(|failure| failure.with_ending(&outcome))?;
    let listing = tls::dissect(&flow, &recording.secrets).ok_or(ExperimentFailure::NoClientHello)?;
    if listing.summary.chosen.is_none() {
        let answer = flow.stream.iter().filter(|chunk| chunk.direction == Direction::Received);
        let answer = answer.flat_map(|chunk| &chunk.bytes).copied().take(MAX_ANSWER).collect();
        let ending = (&outcome).into();
        return Err(ExperimentFailure::NoTlsSession { role: ProgramRole::Part6Pdc, ending, answer });
    }
    let agreed = listing.summary.version.map(tls_trace::Version::name).unwrap_or_default();
    if agreed != version.to_string() {
        return Err(ExperimentFailure::OtherVersion { offered: version, version: agreed });
    }
    session.keep_diagram(Diagram::of(&flow, Some(&listing), &DiagramOptions::default()));
    transfer.client = watch::client_of(&outcome);
    transfer.command = "CMD_short:0".to_owned();
    transfer.layers = layers(&listing);
    let certified =
        ttp::facts(&labnet::tls::read_certificates(&identity.certificate())?.into_iter().next().unwrap_or_default());
    let certificate_key = certified.into_iter().flatten().find(|(label, _)| *label == "key").map(|(_, value)| value);
    Ok(facts(version, &listing, &flow, transfer, certificate_key))
}

/// The layers of the server's stream: messages, what separates them, record protection, handshake, alerts.
fn layers(listing: &TlsDissection) -> Vec<LayerBytes> {
    let mut separators = Separators::default();
    let (mut messages, mut white_space, mut protection, mut handshake, mut alerts) = (0, 0, 0, 0, 0);
    let mut record_len = 0;
    let mut lines = listing.lines.iter().filter(|line| line.entry.direction == Some(Direction::Received)).peekable();
    while let Some(line) = lines.next() {
        let len = line.entry.len as u64;
        if line.entry.kind == Kind::Record {
            record_len = len;
            // The next line is the content of the record.
            match lines.peek().map(|next| next.entry.kind) {
                Some(Kind::Data) => {}
                Some(Kind::Alert) => alerts += record_len,
                _ => handshake += record_len,
            }
        } else if line.entry.kind == Kind::Data {
            let between = separators.count(&line.entry.content);
            messages += len - between.min(len);
            white_space += between;
            protection += record_len.saturating_sub(len);
        }
    }
    let mut layers = vec![
        LayerBytes { layer: Layer::Handshake, bytes: handshake },
        LayerBytes { layer: Layer::Messages, bytes: messages },
        LayerBytes { layer: Layer::RecordProtection, bytes: protection },
        LayerBytes { layer: Layer::Alerts, bytes: alerts },
    ];
    if white_space > 0 {
        layers.insert(2, LayerBytes { layer: Layer::Separators, bytes: white_space });
    }
    layers
}

/// The messages of the handshake, and each ChangeCipherSpec, which is a record of its own, up to the later Finished.
fn messages(listing: &TlsDissection) -> Vec<TlsMessage> {
    let is_message = |kind| kind == Kind::Message;
    let (mut left, mut messages) = (listing.summary.messages.len(), Vec::new());
    for line in &listing.lines {
        if left == 0 {
            break;
        }
        let entry = &line.entry;
        if !is_message(entry.kind) && (entry.kind != Kind::Record || entry.name != CHANGE_CIPHER_SPEC) {
            continue;
        }
        left -= usize::from(is_message(entry.kind));
        messages.push(TlsMessage {
            packet: line.packet,
            from_client: entry.direction == Some(Direction::Sent),
            name: entry.name.clone(),
            len: entry.len as u64,
            encrypted: entry.encrypted,
            details: entry.details.clone(),
        });
    }
    messages
}

fn facts(
    offered: TlsVersion,
    listing: &TlsDissection,
    flow: &Flow,
    transfer: Transfer,
    certificate_key: Option<String>,
) -> TlsFacts {
    let messages = messages(listing);
    let data = |direction| {
        let lines = listing.lines.iter().filter(|line| line.entry.kind == Kind::Data);
        lines.filter(|line| line.entry.direction == Some(direction)).count() as u64
    };
    // Retransmissions depend on the load of the machine, so they are in no answer.
    let range = listing.handshake.first_packet..=listing.handshake.last_packet;
    let of_handshake = |direction| {
        let rows = flow.rows.iter().filter(|row| row.direction == direction && range.contains(&row.number));
        rows.filter(|row| row.has_data() && !row.is_retransmission).count() as u64
    };
    let summary = &listing.summary;
    let suite =
        |suite: &tls_trace::Suite| TlsSuite { iana: suite.name.clone(), openssl: suite.openssl.map(str::to_owned) };
    TlsFacts {
        offered,
        version: summary.version.map(tls_trace::Version::name).unwrap_or_default(),
        suite: summary.chosen.as_ref().map(suite).unwrap_or_default(),
        proposed: summary.proposed.iter().map(|suite| suite.name.clone()).collect(),
        handshake_packets: (of_handshake(Direction::Sent), of_handshake(Direction::Received)),
        handshake_packets_all: listing.handshake.packets,
        key_exchange: summary.group.clone(),
        signature: summary.signature.clone(),
        certificate_key,
        data_records: (data(Direction::Sent), data(Direction::Received)),
        messages,
        transfer,
    }
}
