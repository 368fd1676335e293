//! The message: its own, from a file, of any length.

use std::fs;

use crate::{
    CLIENT, SERVER, STEPS,
    place::Place,
    shown::{check_error, check_refused},
};

/// A message arrives as it was sent: behind the verdict, and with `--quiet` alone.
fn check_message(place: &Place, server: &[&str], message: &[u8]) {
    // On a line of its own.
    let newline: &[u8] = if message.ends_with(b"\n") { b"" } else { b"\n" };
    let expected = [message, newline].concat();
    for step in STEPS {
        let server = place.serve(&[server, &["--step", step]].concat());
        let at = format!("--step {step} --server {}", server.address);
        if message.is_empty() && step == "plain" {
            // There an empty message cannot be told from none.
            check_error(&place.run(CLIENT, &at), 1, &["ended the connection without a message"]);
            continue;
        }
        let quiet = place.run(CLIENT, &format!("{at} --quiet"));
        assert_eq!((quiet.code(), quiet.stderr()), (0, String::new()), "{}", quiet.command_line);
        assert!(quiet.stdout == expected, "{step}: {} bytes: {:.200}", quiet.stdout.len(), quiet.stdout());
        let client = place.run(CLIENT, &at);
        assert_eq!((client.code(), client.stderr()), (0, String::new()), "{}", client.command_line);
        let told = client.stdout.strip_suffix(expected.as_slice()).expect("the message last");
        let is_told = if step == "plain" { "ACK sent" } else { "acknowledged" };
        let verdict = String::from_utf8_lossy(told).lines().last().unwrap_or_default().to_owned();
        assert!(verdict.contains(is_told), "{step}: {verdict}");
    }
}

#[test]
fn a_message_of_ones_own_arrives_as_it_was_sent() {
    let place = Place::new();
    for text in ["short", "na\u{ef}ve \u{2013} \u{4f60}\u{597d} \u{1f511}", "two\nlines\n", " ", ""] {
        check_message(&place, &["--message", text], text.as_bytes());
    }
    let long = "0123456789".repeat(10 << 10);
    check_message(&place, &["--message", &long], long.as_bytes());
}

#[test]
fn a_message_from_a_file_arrives_to_the_byte() {
    let place = Place::new();
    let mut state = 1_u32;
    let mut byte = || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    // Around the ends of records, and several megabytes.
    for len in [0, 1, 16_384, 16_385, (5 << 20) + 7] {
        let bytes: Vec<u8> = (0..len).map(|_| byte()).collect();
        place.write("message", &bytes);
        check_message(&place, &["--message-file", "message"], &bytes);
    }
}

#[test]
fn a_message_file_that_cannot_be_read_is_named_before_the_port_opens() {
    let place = Place::new();
    check_refused(&place.run(SERVER, "--port 0 --message-file missing"), 1, &["cannot read missing", "No such file"]);
    check_refused(&place.run(SERVER, "--port 0 --message-file certs"), 1, &["cannot read certs"]);
    let too_long = fs::File::create(place.0.path().join("long")).unwrap();
    too_long.set_len((256 << 20) + 1).unwrap();
    check_refused(&place.run(SERVER, "--port 0 --message-file long"), 2, &["long", "longer than 268435456 bytes"]);
}
