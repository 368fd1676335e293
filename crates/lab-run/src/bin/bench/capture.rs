//! The time of lab-capture for a large file, beside Wireshark's tools; a captured flood; the time of lab-report.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    time::Duration,
};

use lab_packets::file::{CaptureReader, FileItem};
use lab_run::{
    Error,
    measure::{Bench, command, cost},
};

/// A flood: segments as a loopback interface carries them, 512 MiB of payload in all.
const LARGE_LEN: usize = 65_000;
const LARGE: usize = (512 << 20) / LARGE_LEN;
/// A conversation of short messages.
const SMALL_LEN: usize = 20;
const SMALL: usize = 200_000;

/// How long each link-layer, IP and TCP header is.
const HEADERS_LEN: usize = 14 + 20 + 20;

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| labnet::Error::System { attempt: "make a folder", source })?;
    let path = folder.path().join("large.pcap");
    write(&path).map_err(|source| labnet::Error::File {
        attempt: "write to",
        path: path.display().to_string(),
        source,
    })?;
    let file = path.display().to_string();
    let ours = bench.path("lab-capture");
    let mut count = || time(command(&ours, &["count", &file]));
    // Without the checksums of the file that it makes by default.
    let mut capinfos = || time(command("capinfos", &["-c", "-d", "-u", &file]));
    let mut tshark = || time(command("tshark", &["-n", "-q", "-z", "conv,tcp", "-r", &file]));
    let what = "counting 512 MiB in large segments and 200,000 small ones";
    let name = "lab-capture count";
    bench.compare(what, (name, &mut count), ("capinfos -c -d -u", &mut capinfos), 1.8)?;
    bench.compare(what, (name, &mut count), ("tshark -z conv,tcp", &mut tshark), 1.0)?;
    flood(bench, folder.path())?;
    whole_report(bench, folder.path())
}

/// A PMU that floods, and a PDC that asks it as soon as it is ready.
const FLOOD: &str = "
    \"$1/mock-servers\" pmu --flood-size 1073741824 --events json > \"$2/events\" 2> /dev/null &
    until grep -q '\"event\":\"ready\"' \"$2/events\"; do sleep 0.05; done
    exec \"$1/part2-pdc\" --server 127.0.0.1 CMD_floodme > /dev/null
";

/// Captures a flood of 1 GiB; no packet may be missed.
fn flood(bench: &mut Bench, folder: &Path) -> Result<(), Error> {
    let (ours, capture) = (bench.path("lab-capture"), folder.join("flood.pcapng").display().to_string());
    let programs = ours.parent().map(|programs| programs.display().to_string()).unwrap_or_default();
    let scratch = folder.display().to_string();
    let line = ["run", "--out", &capture, "--", "sh", "-c", FLOOD, "sh", &programs, &scratch];
    let output = command(&ours, &line).output().ok().filter(|output| output.status.success());
    let kept = output.and_then(|_| kept(Path::new(&capture)).ok());
    let measured = match kept {
        Some((packets, 0)) => format!("{packets} packets, none missed"),
        Some((packets, missed)) => format!("{packets} packets, and {missed} missed"),
        None => "skipped: no private network, or the flood failed".to_owned(),
    };
    bench.row("1 GiB flood, captured as it passes", measured, "no packet missed", kept.map(|(_, missed)| missed == 0))
}

/// How many packets a capture file holds, and how many were missed.
fn kept(path: &Path) -> Result<(u64, u64), lab_packets::Error> {
    let open = |source| lab_packets::Error::File { attempt: "open", path: path.to_owned(), source };
    let mut reader = CaptureReader::new(File::open(path).map_err(open)?);
    let (mut packets, mut missed) = (0, 0);
    while let Some(item) = reader.next()? {
        match item {
            FileItem::Frame(_) => packets += 1,
            FileItem::Statistics(statistics) => missed = statistics.dropped.unwrap_or_default(),
            FileItem::Interface(_) | FileItem::Secrets(_) | FileItem::Numbered(_) => {}
        }
    }
    Ok((packets, missed))
}

/// The longest that the whole report may take on two cores.
const LONGEST: Duration = Duration::from_secs(90);

fn whole_report(bench: &mut Bench, folder: &Path) -> Result<(), Error> {
    let (ours, out) = (bench.path("lab-report"), folder.join("report").display().to_string());
    let took = time(command(&ours, &["--out", &out]));
    let measured = took
        .map_or("skipped: no private network, or it failed".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
    bench.row("the whole report, fourteen experiments", measured, "within 90 s", took.map(|took| took <= LONGEST))
}

fn time(command: std::process::Command) -> Option<Duration> {
    cost(command).map(|cost| cost.time)
}

/// Two connections in a pcap file with times in microseconds.
fn write(path: &Path) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    // Magic number, version 2.4, time zone, accuracy, the longest frame, Ethernet.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 1 << 18, 1] {
        file.write_all(&word.to_le_bytes())?;
    }
    let mut micros = 0;
    for (port, count, len) in [(40_000, LARGE, LARGE_LEN), (40_001, SMALL, SMALL_LEN)] {
        let (payload, mut seq) = (vec![b'x'; len], 1_u32);
        for _ in 0..count {
            let captured = (HEADERS_LEN + len) as u32;
            for word in [1_700_000_000 + micros / 1_000_000, micros % 1_000_000, captured, captured] {
                file.write_all(&word.to_le_bytes())?;
            }
            file.write_all(&headers(port, seq, len))?;
            file.write_all(&payload)?;
            seq = seq.wrapping_add(len as u32);
            micros += 10;
        }
    }
    file.flush()
}

/// Ethernet, IPv4 and TCP, from 10.0.0.2:5003 to 10.0.0.1; checksums are left out, as a capture of one's own segments
/// has them.
fn headers(port: u16, seq: u32, len: usize) -> Vec<u8> {
    let ip_len = (HEADERS_LEN - 14 + len) as u16;
    let ethernet: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let ip: &[&[u8]] = &[&[0x45, 0], &ip_len.to_be_bytes(), &[0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]];
    let ports = [5003_u16.to_be_bytes(), port.to_be_bytes()].concat();
    // The flags PSH and ACK, and a window.
    let rest: &[u8] = &[0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0];
    [ethernet, &ip.concat(), &ports, &seq.to_be_bytes(), rest].concat()
}
