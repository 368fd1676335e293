//! The rules of the house, held against every file of the workspace.
//!
//! Each rule is a function from a file to what is wrong with it, and each is proved by mutations that it catches.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of the workspace: its path from the top, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_source(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_manifest(&self) -> bool {
        self.path.ends_with("/Cargo.toml")
    }

    /// The lines of code that are part of a program: no comments, no unit tests.
    fn code(&self) -> Vec<&str> {
        if !self.path.contains("/src/") || self.path.ends_with("/tests.rs") {
            return Vec::new();
        }
        let code = self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        code.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect()
    }

    /// The module of labnet that it belongs to, and the level of that module.
    fn level(&self) -> Option<(&str, Option<u8>)> {
        let module = self.path.strip_prefix("crates/labnet/src/")?.split(['/', '.']).next()?;
        (module != "lib").then(|| (module, level_of(module)))
    }
}

/// Our crates: the name, the level, and all of ours that it may name outside its tests.
const CRATES: &[(&str, u8, &[&str])] = &[
    ("labnet", 1, &[]),
    ("lab-process", 1, &[]),
    ("lab-sandbox", 1, &[]),
    ("lab-page", 1, &[]),
    ("tls-trace", 2, &["labnet"]),
    ("ttp", 2, &["labnet"]),
    ("part1-primer", 2, &["labnet"]),
    ("part2-pdc", 2, &["labnet"]),
    ("part3-reset", 2, &["labnet"]),
    ("part4-receiver", 2, &["labnet"]),
    ("part4-sender", 2, &["labnet"]),
    ("part5-ws", 2, &["labnet"]),
    ("part6-pdc", 2, &["labnet"]),
    ("part6-pmu", 2, &["labnet"]),
    ("mock-servers", 3, &["labnet", "ttp"]),
    ("lab-packets", 3, &["labnet", "tls-trace"]),
    ("secure-channel", 3, &["labnet", "ttp"]),
    ("tls-lab", 3, &["labnet", "tls-trace", "ttp"]),
    ("lab-testbed", 4, &["labnet", "lab-packets", "lab-process", "lab-sandbox", "mock-servers", "tls-trace", "ttp"]),
    ("lab-diagnosis", 5, &["labnet", "lab-testbed"]),
    ("lab-capture", 6, &["labnet", "lab-packets", "lab-process", "lab-sandbox", "lab-testbed", "tls-trace"]),
    (
        "lab-grade",
        6,
        &[
            "labnet",
            "lab-diagnosis",
            "lab-packets",
            "lab-page",
            "lab-process",
            "lab-sandbox",
            "lab-testbed",
            "mock-servers",
        ],
    ),
    (
        "lab-report",
        6,
        &["labnet", "lab-diagnosis", "lab-packets", "lab-page", "lab-process", "lab-sandbox", "lab-testbed"],
    ),
    ("lab-run", 6, &["labnet", "lab-packets", "lab-process", "lab-testbed", "mock-servers", "ttp"]),
    // For tests alone: nobody may name it outside them.
    ("lab-test", 7, &["lab-process"]),
];

/// External crates with an owner, or a few: the crate, and where it may be named.
const OWNERS: &[(&str, &[&str])] = &[
    ("socket2", &["crates/labnet/src/net"]),
    ("tokio", &["mock-servers/src/workers.rs", "crates/lab-run/src/bin/load"]),
    ("if_addrs", &["crates/labnet/src/net", "crates/labnet/src/zone.rs"]),
    ("tungstenite", &["crates/labnet/src/ws"]),
    ("rustls", &["crates/labnet/src/tls", "crates/tls-lab/src", "mock-servers/src/zoo"]),
    ("rcgen", &["crates/ttp/src", "mock-servers/src/zoo"]),
    ("aws_lc_rs", &["crates/secure-channel/src/crypto", "crates/tls-trace/src"]),
    ("rustls_pemfile", &["crates/labnet/src/tls"]),
    ("webpki", &["crates/labnet/src/tls"]),
    ("webpki_roots", &["crates/labnet/src/tls"]),
    ("indicatif", &["crates/labnet/src/cli"]),
    ("jiff", &["crates/labnet/src/cli"]),
    ("statrs", &["crates/labnet/src/reset"]),
    ("libc", &["crates/labnet/src/net/tcp_info.rs", "crates/lab-sandbox/src/route.rs"]),
    ("nix", &["crates/lab-sandbox/src"]),
    ("netlink_packet_core", &["crates/lab-sandbox/src"]),
    ("pcap_parser", &["crates/lab-packets/src/file"]),
    ("etherparse", &["crates/lab-packets/src/packet"]),
    ("flate2", &["crates/lab-packets/src/file/compression.rs", "crates/labnet/src/ws/deflate.rs"]),
    ("ruzstd", &["crates/lab-packets/src/file/compression.rs"]),
];

/// The levels of labnet, from the ground up.
const LEVELS: &[(&str, u8)] = &[
    ("count", 0),
    ("error", 0),
    ("escape", 0),
    ("seconds", 0),
    ("seed", 0),
    ("zone", 0),
    ("pmu", 1),
    ("reset", 1),
    ("feed", 1),
    ("file", 2),
    ("net", 2),
    ("ws", 2),
    ("tls", 2),
    ("cli", 3),
];

fn level_of(module: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == module).map(|(_, level)| *level)
}

/// The words of a text that could be names in Rust.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').filter(|word| !word.is_empty())
}

fn imports_run_downwards(file: &File) -> Option<String> {
    let package = file.path.strip_suffix("/Cargo.toml")?.rsplit('/').next()?;
    let Some((_, _, allowed)) = CRATES.iter().find(|(name, ..)| *name == package) else {
        return Some(format!("{package} has no place in the house: add it to CRATES"));
    };
    let mut is_dependencies = false;
    for line in file.text.lines() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            is_dependencies = section.ends_with("dependencies") && !section.ends_with("dev-dependencies");
        } else if is_dependencies {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let ours = CRATES.iter().any(|(crate_of_ours, ..)| *crate_of_ours == name);
            if ours && !allowed.contains(&name) {
                return Some(format!("{package} must not import {name}"));
            }
        }
    }
    None
}

fn each_crate_stays_with_its_owners(file: &File) -> Option<String> {
    OWNERS.iter().find_map(|(name, owners)| {
        let names_it = |line: &&str| {
            line.match_indices(&format!("{name}::")).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|before| !before.is_alphanumeric() && before != '_' && before != ':')
            })
        };
        let is_home = owners.iter().any(|owner| file.path.starts_with(owner));
        let foreign = !is_home && file.code().iter().any(names_it);
        foreign.then(|| format!("{name} belongs to {}", owners.join(", ")))
    })
}

fn levels_go_down(file: &File) -> Option<String> {
    let (module, level) = file.level()?;
    let Some(level) = level else {
        return Some(format!("{module} has no level: add it to LEVELS"));
    };
    let code = file.code().join(" ");
    let imported = code.split("crate::").skip(1).flat_map(|rest| {
        // `crate::{a, b::C}` names several modules, `crate::a::B` one.
        let one = if rest.starts_with('{') { usize::MAX } else { 1 };
        words(rest.split(';').next().unwrap_or(rest)).take(one)
    });
    let too_high = |other: &&str| {
        let sideways_is_wrong = level == 1;
        *other != module && level_of(other).is_some_and(|other| other > level || other == level && sideways_is_wrong)
    };
    imported.into_iter().find(too_high).map(|other| format!("{module} (level {level}) must not import {other}"))
}

fn messages_know_no_sockets_and_no_files(file: &File) -> Option<String> {
    let (_, level) = file.level()?;
    let code = file.code().join(" ");
    let std = code.split("std::").skip(1).flat_map(|rest| words(rest.split(';').next().unwrap_or(rest)));
    let named = std.into_iter().find(|word| ["net", "io", "fs", "process"].contains(word));
    named.filter(|_| level == Some(1)).map(|word| format!("a message is bytes: level 1 does not name std::{word}"))
}

fn every_file_says_what_it_is(file: &File) -> Option<String> {
    (file.is_source() && !file.text.starts_with("//! ")).then(|| "must begin with '//! '".to_owned())
}

fn the_main_of_a_part_fits_a_screen(file: &File) -> Option<String> {
    let is_main = file.path.starts_with("crates/part") && file.path.ends_with("/src/main.rs");
    let lines = file.text.lines().count();
    (is_main && lines >= 100).then(|| format!("has {lines} lines; a part's main stays under 100"))
}

fn a_limit_of_a_send_is_for_all_of_it(file: &File) -> Option<String> {
    let is_home =
        ["crates/labnet/src/net/send_limit.rs", "crates/lab-test/src/sockets.rs"].contains(&file.path.as_str());
    let sets_it = file.code().iter().any(|line| line.contains("set_write_timeout("));
    (sets_it && !is_home)
        .then(|| "SO_SNDTIMEO begins anew with each part of a send: see labnet::net::send_within".to_owned())
}

fn text_is_escaped_in_one_way(file: &File) -> Option<String> {
    // Rust's own shows `\\u{1b}` for `\\x1b`; what is an error's is escaped when it is shown.
    let is_other = file.code().iter().any(|line| line.contains("escape_debug()") || line.contains("escape_default()"));
    is_other.then(|| "escape text with labnet::escape".to_owned())
}

fn output_goes_through_the_console(file: &File) -> Option<String> {
    let code = file.code();
    let printed =
        ["println!", "print!", "eprint!", "dbg!"].iter().find(|name| code.iter().any(|line| line.contains(**name)));
    printed.map(|name| format!("{name}: print through labnet::cli::Console"))
}

/// What is written on a terminal is escaped there, but for what a part shows as it was received, which is its answer.
fn only_answers_are_shown_as_received(file: &File) -> Option<String> {
    const ANSWERS: [&str; 6] = [
        "crates/labnet/src/cli/answer.rs",
        "crates/part1-primer/src/echo.rs",
        "crates/part1-primer/src/udp.rs",
        "crates/part5-ws/src/main.rs",
        "crates/secure-channel/src/bin/channel-client.rs",
        "crates/tls-lab/src/bin/tls-client.rs",
    ];
    // The console, and those that work without one: a child's output is led to stderr, a copy of a program fails.
    const STREAMS: [&str; 4] = [
        "crates/labnet/src/cli/",
        "crates/lab-capture/src/bin/lab-capture/run.rs",
        "crates/lab-sandbox/",
        "crates/lab-test/",
    ];
    let code: String = file.code().join("").split_whitespace().collect();
    let has = |calls: &[&str]| calls.iter().find(|call| code.contains(**call)).map(|call| (*call).to_owned());
    if let Some(call) = has(&[".out.write(", ".out.message("]).filter(|_| !ANSWERS.contains(&file.path.as_str())) {
        return Some(format!("{call} shows bytes as they are: out.line, out.lines and out.json escape them"));
    }
    let is_console = STREAMS.iter().any(|folder| file.path.starts_with(folder));
    has(&["stdout().lock", "io::stdout()", "io::stderr()"])
        .filter(|_| !is_console)
        .map(|call| format!("{call}: print through labnet::cli::Console"))
}

/// What our programs print for people is read by people. A server's first line is the exception, which has one reader.
fn nobody_takes_apart_what_is_printed_for_people(file: &File) -> Option<String> {
    const READER: &str = "crates/lab-process/src/program.rs";
    const SENTENCES: [&str; 4] = ["listening", "ready", "answered in", "note:"];
    let is_reader = file.path == READER;
    let takes_apart = |line: &&str| {
        let looks = ["contains(", "starts_with(", "strip_prefix(", "split_once(", "== "];
        looks.iter().any(|look| SENTENCES.iter().any(|sentence| line.contains(&format!("{look}\"{sentence}"))))
    };
    let found = file.code().into_iter().find(takes_apart).filter(|_| !is_reader);
    found.map(|line| format!("parses a sentence: {line}: read events, facts, or the socket table"))
}

fn unsafe_has_one_place(file: &File) -> Option<String> {
    let is_unsafe = |line: &&str| words(line).any(|word| word == "unsafe" || word == "unsafe_code");
    let foreign = file.path != "crates/labnet/src/net/tcp_info.rs" && file.code().iter().any(is_unsafe);
    foreign.then(|| "unsafe belongs in tcp_info.rs alone".to_owned())
}

/// x509-parser shows some object identifiers wrongly, fails for T61String, and escapes nothing.
fn names_of_certificates_are_shown_by_labnet(file: &File) -> Option<String> {
    const OTHERS: [&str; 7] = [
        "subject().to_string()",
        "issuer().to_string()",
        "subject.to_string()",
        "format_oid(",
        "oid2sn(",
        "to_id_string(",
        "requested_extensions(",
    ];
    let is_home = file.path.starts_with("crates/labnet/src/tls/words");
    let code = file.code();
    let found = OTHERS.iter().find(|other| code.iter().any(|line| line.contains(*other))).filter(|_| !is_home);
    found.map(|other| format!("{other}: labnet::tls::name, identifier and general_name show what a certificate names"))
}

/// The entry of every program is one of `labnet::cli`, which tells a panic in one line.
fn every_program_starts_through_cli(file: &File) -> Option<String> {
    let may_be_program = ["/src/main.rs", "/src/bin/", "/benches/"].iter().any(|place| file.path.contains(place));
    let body = file.text.split_once("\nfn main()")?.1;
    let first = body.lines().nth(1).unwrap_or_default().trim();
    let entries = ["cli::run(", "cli::run_to_status(", "cli::guard("];
    let is_guarded = entries.iter().any(|entry| first.starts_with(entry));
    (may_be_program && !is_guarded).then(|| format!("main begins with one of {}", entries.join(", ")))
}

/// Text that is kept and shown is escaped: in an error by its message, in an event by the type of its field.
fn text_of_others_has_one_way_out(file: &File) -> Option<String> {
    // Below labnet, or not about what others sent.
    const OWN_TEXT: [&str; 2] = ["crates/lab-process/", "crates/lab-sandbox/"];
    if OWN_TEXT.iter().any(|folder| file.path.starts_with(folder)) {
        return None;
    }
    let is_event = file.path.starts_with("mock-servers/src/event");
    let code = file.code();
    let field = |line: &str| {
        let (name, kind) = line.trim_start_matches("pub ").trim_end_matches(',').split_once(": ")?;
        let is_text = ["String", "Option<String>"].contains(&kind);
        is_text.then(|| name.to_owned())
    };
    // What our own code says, and names of the protocols.
    const OURS: [&str; 5] = ["reason", "command", "reply", "version", "cipher_suite"];
    let raw = code.iter().filter_map(|line| field(line)).find(|name| !OURS.contains(&name.as_str()));
    if let Some(name) = raw.filter(|_| is_event) {
        return Some(format!("{name} of an event is text of a peer: its type is labnet::escape::Printable"));
    }
    code.join("\n").split("#[error(").skip(1).find_map(|variant| {
        let (message, rest) = variant.split_once("\")]").or_else(|| variant.split_once(")]"))?;
        let fields = rest.split("#[error(").next()?.split("\n},").next()?;
        let raw = fields.lines().filter_map(field).find(|name| message.contains(&format!("{{{name}}}")));
        let unnamed = message.contains("{0}") && fields.lines().nth(1).is_some_and(|line| line.contains("(String)"));
        let name = raw.or_else(|| unnamed.then(|| "0".to_owned()))?;
        Some(format!("{name} of an error is shown as it is: write {{}}, escape(.{name})"))
    })
}

type Rule = fn(&File) -> Option<String>;

/// Every rule, and a file that breaks it.
fn rules() -> Vec<(Rule, File)> {
    vec![
        (imports_run_downwards, File::new("crates/part2-pdc/Cargo.toml", "[dependencies]\npart5-ws.workspace = true")),
        (imports_run_downwards, File::new("mock-servers/Cargo.toml", "[dependencies]\npart2-pdc = \"1\"")),
        (imports_run_downwards, File::new("crates/labnet/Cargo.toml", "[target.x.dependencies]\nlab-run = \"1\"")),
        (imports_run_downwards, File::new("crates/lab-run/Cargo.toml", "[dependencies]\nlab-test.workspace = true")),
        (imports_run_downwards, File::new("crates/utils/Cargo.toml", "")),
        (each_crate_stays_with_its_owners, File::new("crates/part2-pdc/src/main.rs", "use socket2::Socket;")),
        (each_crate_stays_with_its_owners, File::new("crates/labnet/src/ws/client.rs", "let x = rustls::TLS13;")),
        (each_crate_stays_with_its_owners, File::new("mock-servers/src/tls.rs", "use rustls::ServerConfig;")),
        (each_crate_stays_with_its_owners, File::new("mock-servers/src/pmu.rs", "use rcgen::KeyPair;")),
        (
            each_crate_stays_with_its_owners,
            File::new("crates/secure-channel/src/record.rs", "use aws_lc_rs::aead::Tag;"),
        ),
        (levels_go_down, File::new("crates/labnet/src/net/tcp.rs", "use crate::cli::Console;")),
        (levels_go_down, File::new("crates/labnet/src/pmu/messages.rs", "use crate::{\n    Error,\n    net,\n};")),
        (levels_go_down, File::new("crates/labnet/src/reset.rs", "use crate::pmu::Command;")),
        (levels_go_down, File::new("crates/labnet/src/helpers.rs", "")),
        (messages_know_no_sockets_and_no_files, File::new("crates/labnet/src/feed.rs", "use std::{\n fmt,\n io,\n};")),
        (every_file_says_what_it_is, File::new("crates/labnet/tests/tidy.rs", "use std::fmt;")),
        (the_main_of_a_part_fits_a_screen, File::new("crates/part2-pdc/src/main.rs", &"//! x\n".repeat(100))),
        (text_is_escaped_in_one_way, File::new("crates/ttp/src/name.rs", "let text = text.escape_debug();")),
        (
            a_limit_of_a_send_is_for_all_of_it,
            File::new("crates/tls-lab/src/proxy/relay.rs", "self.stream.set_write_timeout(Some(STALL))"),
        ),
        (output_goes_through_the_console, File::new("crates/part2-pdc/src/main.rs", "fn x() { println!(\"x\"); }")),
        (
            only_answers_are_shown_as_received,
            File::new("crates/lab-capture/src/bin/lab-capture/show.rs", "console.out.write(text.as_bytes())?;"),
        ),
        (
            only_answers_are_shown_as_received,
            File::new("mock-servers/src/main.rs", "console\n    .out\n    .message(event)?;"),
        ),
        (
            only_answers_are_shown_as_received,
            File::new("crates/part2-pdc/src/main.rs", "io::stdout().write_all(&bytes)?;"),
        ),
        (
            nobody_takes_apart_what_is_printed_for_people,
            File::new("crates/lab-run/src/measure.rs", "fn x() { line.text.contains(\"listening on\") }"),
        ),
        (
            nobody_takes_apart_what_is_printed_for_people,
            File::new("crates/lab-testbed/src/watch.rs", "let n = event.split_once(\"answered in \")?;"),
        ),
        (
            nobody_takes_apart_what_is_printed_for_people,
            File::new("crates/lab-capture/src/run.rs", "let is_there = line.text == \"ready\";"),
        ),
        (
            names_of_certificates_are_shown_by_labnet,
            File::new("crates/ttp/src/show.rs", "fact(\"subject\", certificate.subject().to_string());"),
        ),
        (
            every_program_starts_through_cli,
            File::new("crates/part2-pdc/src/main.rs", "//! x\nfn main() -> ExitCode {\n    let x = y();\n}\n"),
        ),
        (
            every_program_starts_through_cli,
            File::new("crates/tls-lab/src/bin/x.rs", "//! x\nfn main() {\n    serve();\n}\n"),
        ),
        (
            text_of_others_has_one_way_out,
            File::new("mock-servers/src/event.rs", "pub enum Event {\n    X {\n        received: String,\n    },\n}"),
        ),
        (
            text_of_others_has_one_way_out,
            File::new(
                "crates/ttp/src/error.rs",
                "    #[error(\"{path}: no\")]\n    X {\n        /// It.\n        path: String,\n    },\n",
            ),
        ),
        (
            text_of_others_has_one_way_out,
            File::new("crates/labnet/src/error.rs", "    #[error(\"{0}\")]\n    Usage(String),\n"),
        ),
        (unsafe_has_one_place, File::new("crates/labnet/src/net/tcp.rs", "let x = unsafe { y() };")),
        (unsafe_has_one_place, File::new("mock-servers/src/lib.rs", "#![allow(unsafe_code)]")),
    ]
}

#[test]
fn the_house_is_tidy() {
    let files = files();
    assert!(files.len() > 40, "the workspace was not found: {} files", files.len());
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.is_source() || file.is_manifest()) {
        wrong.extend(rules().iter().filter_map(|(rule, _)| rule(file)).map(|why| format!("{}: {why}", file.path)));
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_catches_its_mutations() {
    for (rule, mutation) in rules() {
        assert!(rule(&mutation).is_some(), "not caught: {}: {}", mutation.path, mutation.text);
    }
}

/// What of a table of crates does not run downwards.
fn upward(crates: &[(&str, u8, &[&str])]) -> Option<String> {
    let level = |name: &str| crates.iter().find(|(known, ..)| *known == name).map(|(_, level, _)| *level);
    crates.iter().find_map(|(name, own, imports)| {
        let too_high = imports.iter().find(|import| level(import).is_none_or(|level| level >= *own))?;
        Some(format!("{name} (level {own}) imports {too_high}"))
    })
}

#[test]
fn crates_import_from_lower_levels_alone() {
    assert_eq!(upward(CRATES), None);
    for wrong in [
        [("labnet", 1, &["ttp"][..]), ("ttp", 2, &[])],
        [("mock-servers", 3, &["lab-packets"]), ("lab-packets", 3, &[])],
        [("lab-run", 6, &["utils"]), ("labnet", 1, &[])],
    ] {
        assert!(upward(&wrong).is_some(), "not caught: {wrong:?}");
    }
}

#[test]
fn folders_are_named_as_their_packages() {
    for file in files().iter().filter(|file| file.is_manifest()) {
        let folder = file.path.trim_end_matches("/Cargo.toml").rsplit('/').next().unwrap();
        assert!(file.text.contains(&format!("name = \"{folder}\"")), "{}", file.path);
    }
}

#[test]
fn the_top_of_the_house_holds_nothing_else() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "BENCHMARKS.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "deny.toml",
        "crates",
        "mock-servers",
        "certs",
        "scripts",
        "findings",
    ];
    // What programs leave there, git knows to leave out.
    let ignored = fs::read_to_string(top().join(".gitignore")).unwrap();
    let is_ignored = |name: &str| {
        ignored.lines().filter_map(|line| line.strip_prefix('/')).any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) if !beginning.contains('/') => name.starts_with(beginning),
            _ => name == pattern,
        })
    };
    for entry in fs::read_dir(top()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let belongs = name.starts_with('.') || known.contains(&name.as_str()) || is_ignored(&name);
        assert!(belongs, "{name} does not belong at the top");
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every text file of the workspace's members.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    for folder in ["crates", "mock-servers"] {
        collect(&top().join(folder), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // What cargo built, and workspaces of their own.
            if !path.ends_with("target") && !path.ends_with("fuzz") {
                collect(&path, files);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(top()).unwrap().to_str().unwrap().replace('\\', "/");
            files.push(File { path, text });
        }
    }
}
