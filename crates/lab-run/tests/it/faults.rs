//! Every fault of the mock servers against the client of its server: each client does what the table of faults says.

use std::{path::Path, sync::Mutex, thread, time::Duration};

use lab_process::Outcome;
use lab_test::{Folder, PATIENCE, lacks_sibling, sibling, spawn};
use mock_servers::{
    Running, ServerName, ServerSettings,
    fault::{
        Fault, FaultRules,
        table::{CLIENTS, Duty, ENTRIES},
    },
    multicast, pmu, reset,
    tls::{self, CertificateSource},
    ws,
};
use ttp::CaDirectory;

use crate::RUN_LAB;

/// How many cases run at once: they mostly wait.
const AT_ONCE: usize = 6;

/// The lines of the play.
const PLAY: [&str; 4] = ["But soft!", "What light", "", "breaks?"];

/// How many datagrams the receiver waits for.
const DATAGRAMS: usize = 6;

/// A server on a free port, for IPv4 alone.
fn serve(server: ServerName, faults: FaultRules, certs: &Path) -> Running {
    let bind = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    let settings = ServerSettings { bind, faults, seed: 1, ..ServerSettings::default() };
    match server {
        ServerName::Pmu => pmu::spawn(&pmu::Config { port: 0, ..pmu::Config::default() }, &settings).unwrap(),
        ServerName::Ws => ws::spawn(&ws::Config { port: 0, ..ws::Config::default() }, &settings).unwrap(),
        ServerName::Tls => {
            let config =
                tls::Config { port: 0, certificate: CertificateSource::Made(certs.into()), ..tls::Config::default() };
            tls::spawn(&config, &settings).unwrap()
        }
        ServerName::Reset => {
            let schedule = "ipv4".parse().unwrap();
            let config = reset::Config { port: 0, loss: 0.0, schedule, ..reset::Config::default() };
            reset::spawn(&config, &settings).unwrap()
        }
        ServerName::Multicast => {
            let play = PLAY.map(str::to_owned).as_slice().into();
            let interval = Duration::from_millis(50);
            let config = multicast::Config { port: 0, play, interval, ..multicast::Config::default() };
            multicast::spawn(&config, &settings).unwrap()
        }
        ServerName::Zoo | ServerName::Proxy => unreachable!("no client has duties towards {server}"),
    }
}

/// The client of a server, until its end, or until it says that it waits.
fn run(server: ServerName, client: &str, running: &Running, certs: &Path) -> Outcome {
    let (ip, port) = (running.address().ip(), running.address().port());
    let arguments = match server {
        ServerName::Pmu | ServerName::Ws => format!("{ip} {port} CMD_short:0 --timeout 3"),
        ServerName::Tls => format!("CMD_short:0 cacert.pem --server localhost:{port} --timeout 3"),
        ServerName::Reset => format!("{ip} {port} --timeout 0.8 --max-rounds 40"),
        _ => format!("{ip} {port} --interface 127.0.0.1 --count {DATAGRAMS}"),
    };
    let mut command = std::process::Command::new(sibling(RUN_LAB, client));
    command.args(arguments.split_whitespace()).current_dir(certs).env_remove("LAB_SERVER");
    let mut program = spawn(command);
    let is_told = |line: &lab_process::Line| line.text.starts_with("hint: ");
    let outcome = if server == ServerName::Multicast {
        // It has no limit: it ends with its last datagram, or says after 5 s that none has come.
        program.line_with("end, or wait", Duration::from_secs(8), is_told).map(drop).unwrap_or_default();
        program.interrupt();
        program.conclude(PATIENCE)
    } else {
        program.conclude(PATIENCE)
    };
    assert!(!outcome.stderr().contains("panic"), "{client} {arguments}: {}", outcome.stderr());
    outcome
}

/// What a client did, held against its duty: what is wrong with it, if anything is.
fn judge(server: ServerName, fault: &Fault, duty: Duty, outcome: &Outcome) -> Result<(), String> {
    let (stdout, stderr) = (outcome.stdout(), outcome.stderr());
    let lines: Vec<&str> = stdout.lines().collect();
    let code = outcome.code();
    let check = |is_good: bool, what: &str| if is_good { Ok(()) } else { Err(what.to_owned()) };
    match server {
        ServerName::Reset => {
            check(code == 0 && lines.len() == 1, "one line, status 0")?;
            let line = lines.concat();
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: &str| word.trim_start_matches("OFFSET=").parse::<u64>().unwrap_or(u64::MAX);
            check(line.starts_with("OFFSET=") && number(words[0]) <= 20, "an offset in range")?;
            let packets = number(words[words.iter().position(|word| *word == "after").unwrap() + 1]);
            let must_repeat = matches!(fault, Fault::Late(_) | Fault::Swap | Fault::Icmp(_));
            check(duty != Duty::All || packets == 1, "acknowledged at once")?;
            check(!must_repeat || packets > 1, "acknowledged after more than one packet")
        }
        ServerName::Multicast => {
            let is_of_play = |line: &&&str| {
                line.strip_prefix("swcmTV: ").is_some_and(|text| PLAY.contains(&text) || text == "RWND...")
            };
            let strays = lines.len() - lines.iter().filter(is_of_play).count();
            match duty {
                Duty::Wait => check(lines.is_empty() && stderr.contains("hint: "), "nothing, and a hint"),
                Duty::Escape => check(code == 0 && lines.len() == DATAGRAMS && strays > 1, "the strays too"),
                _ => check(code == 0 && lines.len() == DATAGRAMS && strays == 0, "the play alone"),
            }
        }
        _ => {
            let whole: Vec<String> = (1..=10).map(|i| format!("This is PMU data {i}")).collect();
            let is_whole = lines == whole;
            let is_part = lines.iter().zip(&whole).all(|(line, whole)| line == whole) && lines.len() <= whole.len();
            let is_told = stderr.lines().filter(|line| line.starts_with("error: ")).count() == 1;
            let warns = stderr.contains("warning: ");
            match duty {
                Duty::All => check(is_whole && code == 0 && !warns, "the whole answer, status 0"),
                Duty::AllAndWarn => check(is_whole && code == 0 && warns, "the whole answer and a warning, status 0"),
                Duty::Part | Duty::Wait => {
                    check(is_part && !lines.is_empty() && code == 1 && is_told, "what came whole, status 1")
                }
                Duty::Nothing => check(lines.is_empty() && code == 1 && is_told, "nothing, status 1"),
                Duty::Empty => check(lines.is_empty() && code == 0 && warns, "nothing and a warning, status 0"),
                Duty::AskAgain | Duty::Escape => Err("no duty of a client over a stream".to_owned()),
            }
        }
    }
}

#[test]
fn every_client_does_what_the_table_of_faults_says() {
    if CLIENTS.iter().any(|(_, client)| lacks_sibling(RUN_LAB, client)) {
        return;
    }
    let folder = Folder::new();
    let certs = folder.path();
    CaDirectory::new(certs).ensure(&["localhost"]).unwrap();
    let mut cases = Vec::new();
    for entry in ENTRIES {
        let text = entry.value.map_or(entry.name.to_owned(), |_| format!("{}={}", entry.name, entry.example));
        for ((server, client), duty) in CLIENTS.into_iter().zip(entry.duties) {
            cases.extend(duty.map(|duty| (server, client, text.parse::<Fault>().unwrap(), duty)));
        }
    }
    let (cases, wrong) = (Mutex::new(cases.into_iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((server, client, fault, duty)) = cases.lock().unwrap().next() else { return };
                    let running = serve(server, fault.clone().into(), certs);
                    let outcome = run(server, client, &running, certs);
                    if let Err(expected) = judge(server, &fault, duty, &outcome) {
                        let (stdout, stderr) = (outcome.stdout(), outcome.stderr());
                        wrong.lock().unwrap().push(format!(
                            "{client} with {fault}: expected {expected}\nstatus {}\n{stdout}\n{stderr}",
                            outcome.code()
                        ));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
