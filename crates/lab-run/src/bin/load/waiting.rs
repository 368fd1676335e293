//! Many clients that wait, at d=1: whether all are answered, what each costs, and how long an innocent one waits beside.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use lab_run::{Error, measure::Bench};
use labnet::{
    net::{Deadline, Server},
    tls::{Client, ClientOptions, Roots},
};
use mock_servers::ServerName;
use ttp::{CaDirectory, CaOptions, KeyKind};

use crate::{
    Scale,
    crowd::{Behaviour, Crowd, crowd},
    server::{Servers, system},
};

/// How many clients come before memory is looked at: the first ones cost what all share.
const FIRST: usize = 20;

/// One measurement.
struct Waited {
    crowd: Crowd,
    memory_each: u64,
    threads: u64,
    innocent: Duration,
    answered: u64,
}

struct Subject<'a> {
    server: ServerName,
    clients: usize,
    /// In bytes.
    most_memory: u64,
    arguments: &'a [&'a str],
}

pub(crate) fn measure(bench: &mut Bench, scale: Scale, against: Option<&Path>) -> Result<(), Error> {
    let folder = tempfile::tempdir().map_err(|source| system("make a folder", source))?;
    let directory = CaDirectory::new(folder.path());
    directory.init(&CaOptions { key: KeyKind::P256, ..CaOptions::default() }, false)?;
    directory.issue("localhost", KeyKind::P256, None, &ttp::CertificateOptions::default())?;
    let [certificate, key] =
        [directory.certificate("localhost"), directory.key("localhost")].map(|path| path.display().to_string());
    let tls = ["--cert", certificate.as_str(), "--key", key.as_str()];
    for subject in [
        Subject { server: ServerName::Pmu, clients: scale.pdcs, most_memory: 12 << 10, arguments: &[] },
        Subject { server: ServerName::Ws, clients: scale.websockets, most_memory: 20 << 10, arguments: &[] },
        Subject { server: ServerName::Tls, clients: scale.tls, most_memory: 32 << 10, arguments: &tls },
    ] {
        let (name, clients) = (subject.server, subject.clients);
        let ours = wait(&bench.path("mock-servers"), &subject, scale, &directory)?;
        let what = |what: &str| format!("{clients} clients of {name} at once, {}: {what}", scale.pause);
        let failure = ours.crowd.failure.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        let connect = ours.crowd.slowest_connect.as_secs_f64();
        let measured = format!(
            "{} ({} by its events), the last connected after {connect:.2} s{failure}",
            ours.crowd.answered, ours.answered
        );
        let all = ours.crowd.answered == clients && ours.answered >= clients as u64;
        bench.row(&what("answered"), measured, "all", Some(all))?;
        let kibibytes = |bytes: u64| format!("{:.1} KiB", bytes as f64 / 1024.0);
        let most = format!("at most {}", kibibytes(subject.most_memory));
        let holds = ours.memory_each <= subject.most_memory;
        bench.row(&what("memory of each, kernel stacks included"), kibibytes(ours.memory_each), &most, Some(holds))?;
        bench.row(&what("threads"), ours.threads.to_string(), "at most 32", Some(ours.threads <= 32))?;
        let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        bench.row(
            &what("99 of 100 innocent clients beside"),
            milliseconds(ours.innocent),
            "within 100 ms",
            Some(ours.innocent <= Duration::from_millis(100)),
        )?;
        if let Some(program) = against {
            let theirs = wait(program, &subject, scale, &directory)?;
            let ratio = ours.memory_each as f64 / theirs.memory_each.max(1) as f64;
            let measured = format!("{ratio:.2} of {}", kibibytes(theirs.memory_each));
            bench.row(&what("memory of each, against the other build"), measured, "at most 0.4", Some(ratio <= 0.4))?;
            let measured = format!(
                "{} against {}; {} of {clients} answered there, {} threads",
                milliseconds(ours.innocent),
                milliseconds(theirs.innocent),
                theirs.crowd.answered,
                theirs.threads
            );
            // Fewer clients are in nobody's way.
            let holds = (clients >= 10_000).then_some(ours.innocent <= theirs.innocent / 10);
            let what = what("innocent clients, against the other build");
            bench.row(&what, measured, "at most a tenth, beside 10000", holds)?;
        }
    }
    Ok(())
}

fn wait(program: &Path, subject: &Subject<'_>, scale: Scale, directory: &CaDirectory) -> Result<Waited, Error> {
    let name = subject.server.to_string();
    let port = format!("--{name}-port");
    let own =
        [name.as_str(), &port, "0", "--bind", "127.0.0.1", "--max-connections", "20000", "--client-timeout", "30"];
    let servers = Servers::start(program, &[&own, subject.arguments].concat())?;
    let address = servers.address(subject.server)?;
    let options = ClientOptions {
        name: Some("localhost".to_owned()),
        silence: Some(Duration::from_secs(40)),
        ..ClientOptions::trusting(Roots::load(&directory.ca_certificate())?)
    };
    let (server, clients) = (subject.server, subject.clients);
    let come = {
        let options = options.clone();
        move |clients, command| match server {
            ServerName::Tls => Ok(tls_crowd(address, clients, &options, command)),
            ServerName::Ws => crowd(address, clients, Behaviour::AsksOverWebSocket(command), Duration::ZERO),
            _ => crowd(address, clients, Behaviour::Asks(command), Duration::ZERO),
        }
    };
    come(FIRST, "CMD_short:0").map_err(|source| system("connect", source))?;
    let before = servers.memory();
    let all = thread::spawn(move || come(clients, scale.command));
    thread::sleep(scale.settled);
    let mut times = Vec::new();
    let (mut memory, mut threads) = (0, 0);
    let begun = Instant::now();
    while begun.elapsed() < scale.innocent {
        let asked = Instant::now();
        let answered = match server {
            ServerName::Tls => tls_client(address, &options, "CMD_short:0"),
            ServerName::Ws => crowd(address, 1, Behaviour::AsksOverWebSocket("CMD_short:0"), Duration::ZERO)
                .is_ok_and(|crowd| crowd.answered == 1),
            _ => innocent(address).is_some_and(|answer| answer.ends_with(b"data 10")),
        };
        if answered {
            times.push(asked.elapsed());
        }
        memory = servers.memory().max(memory);
        threads = servers.threads().max(threads);
        thread::sleep(Duration::from_millis(10));
    }
    let crowd = all.join().unwrap_or_else(|_| Ok(Crowd::default())).map_err(|source| system("connect", source))?;
    // The last events are on their way.
    thread::sleep(Duration::from_millis(500));
    times.sort_unstable();
    // Of none that was answered there is no time: as long as all of them had.
    let innocent = times.get(times.len() * 99 / 100).copied().unwrap_or(scale.innocent);
    let answered = servers.events("answered") + servers.events("left-out");
    Ok(Waited { crowd, memory_each: memory.saturating_sub(before) / clients as u64, threads, innocent, answered })
}

/// An innocent client: its answer, if there is one.
pub(crate) fn innocent(server: SocketAddr) -> Option<Vec<u8>> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let mut client = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    client.write_all(b"CMD_short:0").ok()?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).ok()?;
    Some(answer)
}

/// Clients over TLS, with a thread each: there is no TLS client without.
fn tls_crowd(server: SocketAddr, clients: usize, options: &ClientOptions, command: &'static str) -> Crowd {
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let options = options.clone();
            let client = move || tls_client(server, &options, command);
            thread::Builder::new().stack_size(256 << 10).spawn(client)
        })
        .collect();
    let answered =
        |thread: std::io::Result<thread::JoinHandle<bool>>| thread.is_ok_and(|thread| thread.join().unwrap_or(false));
    Crowd { answered: threads.into_iter().map(answered).filter(|answered| *answered).count(), ..Crowd::default() }
}

fn tls_client(server: SocketAddr, options: &ClientOptions, command: &str) -> bool {
    let options = ClientOptions { connect: Deadline::after(Duration::from_secs(30)), ..options.clone() };
    let answer = || {
        let mut client = Client::connect(&Server::new(server.ip().to_string(), server.port()), &options)?;
        client.send(command.as_bytes())?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        loop {
            match client.recv(&mut buffer)? {
                [] => break,
                bytes => answer.extend_from_slice(bytes),
            }
        }
        client.check_end()?;
        Ok::<_, labnet::Error>(answer)
    };
    answer().is_ok_and(|answer| answer.ends_with(b"data 10"))
}
