//! Whole reports: against the handout's solutions, with another seed, held against tshark, made by an ordinary user.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::OnceLock};

use lab_process::{Program, executable};
use lab_test::PATIENCE;
use lab_testbed::facts::Scenario;
use serde_json::Value;

use crate::{
    machine,
    report::{
        self, LAB_REPORT,
        Need::{Root, Tshark},
        Report, lacks, part,
    },
};

/// Two whole reports with the same seed, made at the same time.
fn twins() -> &'static [Report; 2] {
    static TWINS: OnceLock<[Report; 2]> = OnceLock::new();
    let make = || [(); 2].map(|()| Report::begin_alone(&["--seed", "1"])).map(report::Begun::end);
    TWINS.get_or_init(|| machine::alone(make))
}

/// What the handout's solutions say, in words that an answer must have.
const SOLUTIONS: &[(&str, &[&str])] = &[
    ("Q1", &["A1.a", "client"]),
    ("Q1", &["A1.b", "UDP"]),
    ("Q2", &["A2.a", "Message sent"]),
    ("Q2", &["A2.b", "Hello, Romeo", "127.0.0.1"]),
    ("Q3", &["TCP", "IPv4"]),
    ("Q4", &["LISTEN", "5002"]),
    ("Q5", &["1 line before, 3 lines now"]),
    ("Q5", &["line 1", "LISTEN"]),
    ("Q5", &["line 2", "ESTABLISHED", "server's end"]),
    ("Q5", &["line 3", "ESTABLISHED", "client's end"]),
    ("Q6", &["server", "3 lines"]),
    ("Q6", &["client", "6 lines"]),
    ("Q7", &["No."]),
    ("Q8", &["No.", "accept()"]),
    ("Q9", &["Yes."]),
    ("Q10", &["d = 0", "10 messages, numbered 1 to 10"]),
    ("Q10", &["d = 1", "10 messages, numbered 1 to 10"]),
    ("Q11", &["d = 0: 2 packets"]),
    ("Q11", &["d = 1: 10 packets"]),
    ("Q12", &["several messages into one packet"]),
    ("Q13", &["recv()", "no bytes"]),
    ("Q14", &["46 packets", "65,536 bytes"]),
    ("Q15", &["at least", "2 calls"]),
    ("Q15", &["the same?", "No."]),
    ("Q15", &["factors", "size of the buffer"]),
    ("Q16", &["A16.b, PMU on IPv4: Over IPv4", "OFFSET="]),
    ("Q16", &["A16.b, PMU on IPv6: Over IPv6", "OFFSET="]),
    ("Q17", &["A17.a, PMU on IPv4", "packets on average, over 60 runs"]),
    ("Q17", &["A17.b, PMU on IPv4", "interval holds the 0.6"]),
    ("Q17", &["A17.b, PMU on IPv6", "interval holds the 0.6"]),
    ("Q18", &["swcmTV: ROMEO AND JULIET"]),
    ("Q19", &["Yes", "IP_ADD_MEMBERSHIP"]),
    ("Q20", &["No."]),
    ("Q21", &["123456: ", "123456, you have sent 323 characters"]),
    ("Q21", &["654321: ", "654321, you have sent 320 characters"]),
    ("Q22", &["packets", "10 packets carried 10 messages"]),
    ("Q22", &["the same?", "more than the 2"]),
    ("Q23", &["on_message", "10 times"]),
    ("Q23", &["more to do", "part 2"]),
    ("Q24", &["packets", "46 packets"]),
    ("Q24", &["on_message", "Once."]),
    ("Q25", &["TLS 1.2", "4 packets with payload"]),
    ("Q25", &["TLS 1.2", "ServerHello, Certificate, ServerKeyExchange and ServerHelloDone"]),
    ("Q26", &["TLS 1.2", "proposed 9 cipher suites"]),
    ("Q26", &["TLS 1.2", "ECDHE-RSA-AES256-GCM-SHA384"]),
    ("Q26", &["TLS 1.2", "ServerHello"]),
    ("Q27", &["TLS 1.2", "Yes, in the handshake"]),
    ("Q28", &["TLS 1.2", "Yes, for all data after the handshake"]),
];

/// The experiments of a whole report.
const EXPERIMENTS: usize = Scenario::ALL.len();

/// The TCP connections that are reconciled: two floods more than experiments with one connection.
const CONNECTIONS: usize = 14;

#[test]
fn all_experiments_are_made_and_the_answers_agree_with_the_handouts_solutions() {
    if lacks("all_experiments_are_made_and_the_answers_agree_with_the_handouts_solutions", &[]) {
        return;
    }
    let [report, _] = twins();
    report.succeeded();
    let states: Vec<&str> = report.list("experiments").iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["done"; EXPERIMENTS]);
    assert_eq!(report.findings(), Vec::<String>::new());
    let questions: Vec<String> = report.list("answers").iter().map(|one| one["question"].to_string()).collect();
    assert_eq!(questions, (1..=28).map(|number| format!("\"Q{number}\"")).collect::<Vec<_>>());
    assert!(report.list("answers").iter().all(|answer| answer["missing"].is_null()));
    assert_eq!(report.list("accounts").len(), CONNECTIONS);
    assert_eq!(report.sheet["run"]["is_complete"], true);
    for (question, words) in SOLUTIONS {
        report.says(question, words);
    }
    let lines = report.outcome.stdout();
    let summary = format!(
        "{EXPERIMENTS} of {EXPERIMENTS} experiments made, 28 of 28 questions answered, {CONNECTIONS} of {CONNECTIONS} \
         connections accounted for"
    );
    assert!(lines.starts_with(&summary), "{lines}");
    let page = report.folder().join("index.html");
    assert_eq!(lines.lines().last(), Some(format!("report: {}", page.display()).as_str()));
}

#[test]
fn every_file_and_place_that_the_report_names_is_there() {
    if lacks("every_file_and_place_that_the_report_names_is_there", &[]) {
        return;
    }
    let [report, _] = twins();
    for experiment in report.list("experiments") {
        for kind in ["capture", "output"] {
            let file = report.folder().join(experiment[kind].as_str().unwrap());
            assert!(fs::metadata(&file).is_ok_and(|file| file.len() > 0), "{}", file.display());
        }
    }
    let schema: Value =
        serde_json::from_slice(&fs::read(report.folder().join("answers.schema.json")).unwrap()).unwrap();
    assert_eq!(schema["title"], "Sheet");

    let page = report.page();
    let links: Vec<&str> = page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() > 28 * 2, "{links:?}");
    for link in links {
        match link.strip_prefix('#') {
            Some(place) => assert!(page.contains(&format!(" id=\"{place}\"")), "{link}"),
            None => assert!(report.folder().join(link.split('#').next().unwrap()).is_file(), "{link}"),
        }
    }
}

/// What must be the same in two runs with the same seed.
fn constant(report: &Report) -> Vec<Value> {
    let mut answers = report.list("answers").to_vec();
    for answer in &mut answers {
        for kind in ["measured", "items"] {
            answer[kind].as_array_mut().unwrap().retain(|value| value["varies"] == false);
        }
    }
    answers
}

#[test]
fn two_runs_at_the_same_time_with_the_same_seed_have_the_same_answers() {
    if lacks("two_runs_at_the_same_time_with_the_same_seed_have_the_same_answers", &[]) {
        return;
    }
    let [one, other] = twins();
    other.succeeded();
    let is_of_series = |answer: &Value| answer["question"] == "Q17";
    for (one, other) in constant(one).iter().zip(&constant(other)).filter(|(one, _)| !is_of_series(one)) {
        assert_eq!(one, other);
    }
    // On a busy machine two series were seen to differ by a few packets; why is not known. A port that two programs get one
    // after the other would explain it. So series that differ are made again, by themselves.
    let series = || {
        let arguments = ["--seed", "1", "--only", "part3-series"];
        let reports = machine::alone(|| [(); 2].map(|()| Report::begin_alone(&arguments)).map(report::Begun::end));
        reports.map(|report| constant(&report).into_iter().find(is_of_series).unwrap())
    };
    let agree = |[one, other]: [Value; 2]| one == other;
    assert!(
        agree([one, other].map(|report| constant(report).into_iter().find(is_of_series).unwrap()))
            || (0..3).any(|_| agree(series()))
    );
}

#[test]
fn another_seed_brings_other_luck() {
    if lacks("another_seed_brings_other_luck", &[]) {
        return;
    }
    let other = Report::of(&["--seed", "2", "--only", "part3-reset"]);
    other.succeeded();
    assert_eq!(other.sheet["run"]["seed"], 2);
    assert_ne!(other.items("Q16"), twins()[0].items("Q16"));
}

/// The fields of those packets that a filter selects, by tshark.
fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let file = file.to_str().unwrap();
    let mut arguments = vec!["-n", "-r", file, "-d", "tcp.port==5003,tls", "-Y", filter, "-T", "fields"];
    arguments.extend(["-E", "separator=;"]);
    fields.iter().for_each(|field| arguments.extend(["-e", field]));
    let outcome = Program::start("tshark", &arguments).unwrap().finish(PATIENCE).unwrap();
    assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
    outcome.stdout().lines().map(|line| line.split(';').map(str::to_owned).collect()).collect()
}

#[test]
fn tshark_reads_the_captures_counts_the_same_packets_and_decrypts_them() {
    if lacks("tshark_reads_the_captures_counts_the_same_packets_and_decrypts_them", &[Tshark]) {
        return;
    }
    let [report, _] = twins();
    for experiment in report.list("experiments") {
        let name = experiment["name"].as_str().unwrap();
        let fields = ["_ws.malformed", "tcp.srcport", "tcp.len", "data.data"];
        let packets = tshark(&report.capture(name), "frame", &fields);
        let malformed = packets.iter().filter(|packet| !packet[0].is_empty()).count();
        assert!(!packets.is_empty() && malformed == 0, "{name}: {} packets, {malformed} malformed", packets.len());
        let port = match name.split('-').next() {
            Some("part2" | "part6") => "5003",
            Some("part5") => "5006",
            _ => continue,
        };
        // Several clients, or a client in an experiment that answers no question, are not accounted for.
        if !report.list("accounts").iter().any(|account| account["experiment"] == name) {
            continue;
        }
        let with_payload = || packets.iter().filter(|packet| !matches!(packet[2].as_str(), "" | "0"));
        let from_pmu = with_payload().filter(|packet| packet[1] == port).count();
        let from_pdc = with_payload().count() - from_pmu;
        let counted = ["the capture at the client", "way back: the capture at the client"];
        let counted = counted.map(|who| report.entry(name, who)["segments"].as_u64().unwrap());
        assert_eq!(counted, [from_pmu as u64, from_pdc as u64], "{name}");
        if name.starts_with("part6") {
            let hex: String = b"This is PMU data 1".iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(packets.iter().filter(|packet| packet[3] == hex).count(), 1, "{name}: {packets:?}");
        }
    }
}

#[test]
fn an_ordinary_user_makes_the_same_report_as_root() {
    if lacks("an_ordinary_user_makes_the_same_report_as_root", &[Root]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for program in [LAB_REPORT, &part("part1-primer")] {
        let program = Path::new(program);
        executable::install(program, &folder.path().join(program.file_name().unwrap())).unwrap();
    }
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).unwrap();
    let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    let (program, out_text) = (folder.path().join("lab-report"), out.to_str().unwrap());
    let command = [program.to_str().unwrap(), "--out", out_text, "--only", "part1"];
    let outcome = Program::start("setpriv", &[&user[..], &command].concat()).unwrap().finish(PATIENCE).unwrap();
    assert_eq!((outcome.code(), outcome.stderr().as_str()), (0, ""), "{}", outcome.stdout());
    let sheet: Value = serde_json::from_slice(&fs::read(out.join("answers.json")).unwrap()).unwrap();
    let root = constant(&twins()[0]);
    // Part 1 is Q1 to Q9.
    for (number, (user, root)) in sheet["answers"].as_array().unwrap().iter().zip(&root).enumerate().take(9) {
        assert_eq!((&user["items"], &user["why"]), (&root["items"], &root["why"]), "Q{}", number + 1);
    }
}
