//! `count`: a table with a line for each flow and direction.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use lab_packets::flow::{Detail, Direction, DirectionCounts, Flow, Traffic};
use labnet::{cli::Console, count::Count};

use crate::{
    error::Error,
    source::{self, Contents},
};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The capture
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    traffic: &'a Traffic,
    received: Option<u64>,
    dropped: Option<u64>,
    error: Option<String>,
}

/// The titles of the columns, and whether they hold numbers.
const COLUMNS: [(&str, bool); 14] = [
    ("flow", true),
    ("", false),
    ("from", false),
    ("to", false),
    ("packets", true),
    ("with payload", true),
    ("bytes", true),
    ("distinct", true),
    ("again", true),
    ("bytes again", true),
    ("late", true),
    ("SYN", true),
    ("FIN", true),
    ("RST", true),
];

pub(crate) fn count(arguments: &Arguments, console: &Console) -> Result<(), Error> {
    let contents = source::read(&arguments.file, Detail::Counts)?;
    if arguments.json {
        let Contents { traffic, received, dropped, damage, .. } = &contents;
        let error = damage.as_ref().map(ToString::to_string);
        let report = Report { traffic, received: *received, dropped: *dropped, error };
        console.out.json(&report)?;
    } else {
        console.out.lines(table(&contents))?;
    }
    contents.damage.map_or(Ok(()), Err)
}

fn table(contents: &Contents) -> String {
    let traffic = &contents.traffic;
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    for flow in &traffic.flows {
        rows.extend([Direction::Sent, Direction::Received].map(|direction| row(flow, direction)));
    }
    if traffic.flows.len() > 1 {
        rows.push(total(traffic));
    }
    let mut widths = [0; COLUMNS.len()];
    for row in &rows {
        widths.iter_mut().zip(row).for_each(|(width, cell)| *width = cell.chars().count().max(*width));
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).zip(COLUMNS).map(|((cell, width), (_, is_number))| {
            if is_number { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for line in summary(contents) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn row(flow: &Flow, direction: Direction) -> [String; COLUMNS.len()] {
    let (from, to) = match direction {
        Direction::Sent => (flow.client, flow.server),
        Direction::Received => (flow.server, flow.client),
    };
    cells(
        [flow.number.to_string(), flow.protocol.to_string(), from.to_string(), to.to_string()],
        flow.counts(direction),
    )
}

fn cells([flow, protocol, from, to]: [String; 4], way: &DirectionCounts) -> [String; COLUMNS.len()] {
    let [packets, with_payload, bytes, distinct, again, bytes_again, late, syn, fin, rst] = [
        way.packets,
        way.packets_with_payload,
        way.bytes,
        way.stream_bytes,
        way.retransmitted_packets,
        way.retransmitted_bytes,
        way.late_packets,
        way.syn,
        way.fin,
        way.rst,
    ]
    .map(|count| count.to_string());
    [flow, protocol, from, to, packets, with_payload, bytes, distinct, again, bytes_again, late, syn, fin, rst]
}

fn total(traffic: &Traffic) -> [String; COLUMNS.len()] {
    let mut total = DirectionCounts::default();
    for way in traffic.flows.iter().flat_map(|flow| [&flow.sent, &flow.received]) {
        total.packets += way.packets;
        total.packets_with_payload += way.packets_with_payload;
        total.bytes += way.bytes;
        total.stream_bytes += way.stream_bytes;
        total.retransmitted_packets += way.retransmitted_packets;
        total.retransmitted_bytes += way.retransmitted_bytes;
        total.late_packets += way.late_packets;
        total.syn += way.syn;
        total.fin += way.fin;
        total.rst += way.rst;
    }
    cells([String::new(), String::new(), "total".to_owned(), String::new()], &total)
}

fn summary(contents: &Contents) -> Vec<String> {
    let traffic = &contents.traffic;
    let time = traffic.last.zip(traffic.first).map(|(last, first)| last.saturating_sub(first));
    let mut lines = vec![match time {
        None if traffic.frames > 0 => format!("frames: {} at unknown times", traffic.frames),
        time => format!("frames: {} in {:.6} s", traffic.frames, time.unwrap_or_default().as_secs_f64()),
    }];
    for (title, counts) in [
        ("in no flow", &traffic.others),
        ("no frames, but numbered among them", &traffic.numbered_blocks),
        ("lengths that are not believed", &traffic.wrong_lengths),
    ] {
        let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        if !counts.is_empty() {
            lines.push(format!("{title}: {}", counts.join(", ")));
        }
    }
    let ways = || traffic.flows.iter().flat_map(|flow| [&flow.sent, &flow.received]);
    let keep_alives: u64 = ways().map(|way| way.keep_alives).sum();
    let window_probes: u64 = ways().map(|way| way.window_probes).sum();
    if keep_alives + window_probes > 0 {
        let keep_alives = Count::new(keep_alives, "keep-alive");
        let window_probes = Count::new(window_probes, "window probe");
        lines.push(format!("probes, whose byte is no payload: {keep_alives}, {window_probes}"));
    }
    match (contents.dropped, contents.received) {
        (Some(dropped), Some(received)) => lines.push(format!("dropped by the capture: {dropped} of {received}")),
        (Some(dropped), None) => lines.push(format!("dropped by the capture: {dropped}")),
        (None, _) => {}
    }
    let estimates: Vec<_> =
        traffic.flows.iter().filter(|flow| flow.is_abridged).map(|flow| flow.number.to_string()).collect();
    if !estimates.is_empty() {
        lines.push(format!("so many gaps that repeats are an estimate: flow {}", estimates.join(", ")));
    }
    lines
}
