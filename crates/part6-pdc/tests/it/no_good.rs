//! A PMU that is verified, and then does no good: its end, its records, its silence.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use lab_process::{Program, Stream};
use lab_test::{PATIENCE, accept, check_failed, finish, listen};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};

use crate::{files::Files, lines, message, no_tls::reset};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

// A PMU that is verified, and then does no good.

type Pdc = StreamOwned<ServerConnection, TcpStream>;

/// A PDC that has sent its command, and the PMU's side of it.
fn asked(version: &'static SupportedProtocolVersion, arguments: &str) -> (Program, Pdc, Files) {
    let files = Files::new();
    let chain = vec![CertificateDer::from_pem_file(files.path("cert.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(files.path("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    let config = config.with_single_cert(chain, key).unwrap();
    let (listener, address) = listen();
    let program = files.start(address, arguments);
    let mut pdc = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), accept(&listener));
    let command = arguments.split_whitespace().next().unwrap();
    let mut heard = vec![0; command.len()];
    pdc.read_exact(&mut heard).unwrap();
    assert_eq!(heard, command.as_bytes());
    (program, pdc, files)
}

fn say(pdc: &mut Pdc, text: impl AsRef<[u8]>) {
    pdc.write_all(text.as_ref()).unwrap();
    pdc.flush().unwrap();
}

fn say_goodbye(pdc: &mut Pdc) {
    pdc.conn.send_close_notify();
    pdc.flush().unwrap();
}

#[test]
fn each_message_is_shown_when_it_arrives_and_close_notify_ends_them_all() {
    for version in VERSIONS {
        let (mut program, mut pdc, _files) = asked(version, "CMD_short:1");
        for i in 1..4 {
            say(&mut pdc, message(i));
            let line = program.line_with("show a message", PATIENCE, |line| line.stream == Stream::Stdout).unwrap();
            assert_eq!(line.text, message(i));
        }
        say_goodbye(&mut pdc);
        // The TCP connection is still open.
        let outcome = finish(program);
        assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..4), String::new()));
        let mut rest = Vec::new();
        assert_eq!(pdc.read_to_end(&mut rest).unwrap(), 0, "the PDC says goodbye in its turn");
    }
}

#[test]
fn a_bare_fin_is_a_warning_with_what_it_means_and_how_to_mend_it() {
    for version in VERSIONS {
        for (command, answer, stdout) in [
            ("CMD_short:0", (1..11).map(message).collect(), lines(1..11)),
            ("CMD_short:0", "This is PMU data 1\n".to_owned(), lines(1..2)),
            ("CMD_floodme", "a flood".to_owned(), "a flood\n".to_owned()),
        ] {
            let (program, mut pdc, _files) = asked(version, command);
            say(&mut pdc, &answer);
            drop(pdc);
            let outcome = finish(program);
            let stderr = outcome.stderr();
            assert_eq!((outcome.code(), outcome.stdout()), (0, stdout.clone()), "{stderr}");
            assert!(stderr.starts_with("warning: ") && stderr.lines().count() == 1, "{stderr}");
            for word in ["close_notify", "cut off", "unwrap()"] {
                assert!(stderr.contains(word), "no '{word}' in {stderr}");
            }

            let (program, mut pdc, _files) = asked(version, &format!("{command} --strict"));
            say(&mut pdc, &answer);
            drop(pdc);
            check_failed(&finish(program), &stdout, &["close_notify", "cut off"]);
        }
    }
}

#[test]
fn strict_is_content_with_close_notify() {
    let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:0 --strict");
    say(&mut pdc, message(1));
    say_goodbye(&mut pdc);
    let outcome = finish(program);
    assert_eq!((outcome.code(), outcome.stdout(), outcome.stderr()), (0, lines(1..2), String::new()));
}

#[test]
fn an_answer_that_ends_within_a_message_is_an_error_whatever_its_end() {
    let leaves: [fn(Pdc); 2] = [drop, |mut pdc| say_goodbye(&mut pdc)];
    for leave in leaves {
        let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:0");
        say(&mut pdc, "This is PMU data 1This is PM");
        leave(pdc);
        check_failed(&finish(program), &lines(1..2), &["within a message", "This is PM"]);
    }
}

#[test]
fn a_reset_in_the_middle_is_an_error_after_what_has_arrived() {
    for version in VERSIONS {
        let (mut program, mut pdc, _files) = asked(version, "CMD_short:1");
        say(&mut pdc, "This is PMU data 1This is PMU data 2This is");
        program.line_with("show two", PATIENCE, |line| line.text == message(2)).unwrap();
        reset(&pdc.sock);
        drop(pdc);
        let outcome = finish(program);
        check_failed(&outcome, &lines(1..3), &["cannot receive", "reset"]);
        assert!(outcome.stderr().contains("cut within a message: 'This is'"), "{}", outcome.stderr());
    }
}

#[test]
fn what_is_no_message_is_shown_in_the_error_after_the_messages_before_it() {
    let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:0");
    say(&mut pdc, "This is PMU data 1This is \x1b[31mnonsense");
    say_goodbye(&mut pdc);
    check_failed(&finish(program), &lines(1..2), &["This is \\x1b[31mnonsense"]);
}

#[test]
fn a_record_that_was_damaged_on_its_way_is_an_error() {
    for version in VERSIONS {
        let (mut program, mut pdc, _files) = asked(version, "CMD_short:0");
        say(&mut pdc, message(1));
        program.line_with("show one", PATIENCE, |line| line.text == message(1)).unwrap();
        let mut record = Vec::new();
        pdc.conn.writer().write_all(message(2).as_bytes()).unwrap();
        pdc.conn.write_tls(&mut record).unwrap();
        *record.last_mut().unwrap() ^= 1;
        pdc.sock.write_all(&record).unwrap();
        check_failed(&finish(program), &lines(1..2), &["TLS"]);
    }
}

#[test]
fn timeout_gives_up_a_silent_pmu_after_what_has_arrived() {
    let (program, mut pdc, _files) = asked(&TLS13, "CMD_short:1 --timeout 0.5");
    say(&mut pdc, message(1));
    check_failed(&finish(program), &lines(1..2), &["nothing received", "0.5"]);
}
