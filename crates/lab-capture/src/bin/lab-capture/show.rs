//! `show`: flows as sequence diagrams, and what TLS says in them.

use std::{fs, path::PathBuf};

use clap::Args;

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    file::KeyLog,
    flow::{Detail, Flow},
    tls::{self, PlainText, TlsDissection},
};
use labnet::cli::Console;
use tls_trace::Kind;

use crate::{error::Error, source};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The capture
    file: PathBuf,
    /// Show this flow alone, by its number in `lab-capture count`
    #[arg(long, value_name = "N")]
    flow: Option<usize>,
    /// Print the diagram of a flow as SVG
    #[arg(long)]
    svg: bool,
    /// Decrypt TLS with a key log, in addition to the secrets in the capture
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,
    /// Show all records and messages of TLS, with their fields
    #[arg(long, conflicts_with = "svg")]
    details: bool,
}

pub(crate) fn show(arguments: &Arguments, console: &Console) -> Result<(), Error> {
    let mut contents = source::read(&arguments.file, Detail::Packets)?;
    if let Some(path) = &arguments.keylog {
        let text = fs::read(path);
        let failed = |source| labnet::Error::File { attempt: "read", path: path.display().to_string(), source };
        contents.secrets.push(&String::from_utf8_lossy(&text.map_err(failed)?));
    }
    let flows = &contents.traffic.flows;
    let chosen: Vec<&Flow> = match arguments.flow {
        None => flows.iter().collect(),
        Some(number) => flows.iter().filter(|flow| flow.number == number).collect(),
    };
    match (chosen.as_slice(), arguments.flow) {
        ([], Some(number)) => {
            let wrong = format!("there is no flow {number}: the capture has {}", flows.len());
            return Err(contents.damage.unwrap_or(labnet::Error::Usage(wrong).into()));
        }
        ([_, _, ..], None) if arguments.svg => {
            let wrong = format!("the capture has {} flows: choose one with --flow N", flows.len());
            return Err(labnet::Error::Usage(wrong).into());
        }
        _ => {}
    }
    for (index, flow) in chosen.into_iter().enumerate() {
        let tls = tls::dissect(flow, &contents.secrets);
        let diagram = Diagram::of(flow, tls.as_ref(), &DiagramOptions::default());
        if arguments.svg {
            console.out.line(diagram.to_svg(&format!("flow-{}", flow.number)))?;
            continue;
        }
        let gap = if index == 0 { "" } else { "\n" };
        console.out.lines(format_args!("{gap}{}", diagram.to_text()))?;
        if let Some(tls) = &tls {
            console.out.lines(listing(tls, arguments.details, &contents.secrets))?;
        }
        if flow.is_abridged {
            console.err.note(format_args!("flow {} is too large to be shown whole", flow.number));
        }
    }
    let damage = contents.damage.take();
    // The program ends: to give back a hundred thousand packets one by one would take a tenth of its time.
    std::mem::forget(contents);
    damage.map_or(Ok(()), Err)
}

/// The handshake in numbers, and its messages with the packets that carry them.
fn listing(tls: &TlsDissection, has_details: bool, secrets: &KeyLog) -> String {
    let handshake = tls.handshake;
    let version = tls.summary.version.map_or_else(|| "no version agreed on".to_owned(), |version| version.to_string());
    let mut lines = vec![String::new(), format!("TLS: {version}")];
    if let Some(PlainText { protocol, sent, received }) = tls.plain_text {
        lines.push(format!("after {protocol}: {sent} B from the client and {received} B from the server"));
    }
    lines.extend([
        format!(
            "handshake: packets {} to {}: {} from the client and {} from the server with payload, {} in all",
            handshake.first_packet, handshake.last_packet, handshake.sent, handshake.received, handshake.packets
        ),
        format!("           ({})", handshake.basis),
        format!("ClientHello in packet {}, ServerHello in packet {}", list(&tls.client_hello), list(&tls.server_hello)),
    ]);
    let proposed: Vec<&str> = tls.summary.proposed.iter().map(|suite| suite.name.as_str()).collect();
    lines.push(format!("cipher suites proposed, {}: {}", proposed.len(), proposed.join(", ")));
    let chosen = tls.summary.chosen.as_ref().map_or("none".to_owned(), ToString::to_string);
    lines.push(format!("cipher suite chosen: {chosen}"));
    if !tls.summary.is_complete && secrets.is_empty() {
        lines.push("the capture has no secrets: what is encrypted stays so (--keylog FILE)".to_owned());
    }
    lines.push("packet".to_owned());
    let is_shown = |kind| has_details || !matches!(kind, Kind::Record | Kind::Data);
    for line in tls.lines.iter().filter(|line| is_shown(line.entry.kind)) {
        let packets = match (line.first_packet, line.packet) {
            (first, last) if first == last => last.to_string(),
            (first, last) => format!("{first}-{last}"),
        };
        let entry = line.entry.to_string();
        let entry = if has_details { entry.as_str() } else { entry.lines().next().unwrap_or_default() };
        lines.push(format!("{packets:<9}{}", entry.replace('\n', "\n         ")));
    }
    if tls.is_abridged {
        lines.push("… and more, which is left out".to_owned());
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn list(packets: &[u64]) -> String {
    match packets {
        [] => "none".to_owned(),
        packets => packets.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
    }
}
