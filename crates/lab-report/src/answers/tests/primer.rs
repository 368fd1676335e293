//! Part 1.

use lab_process::sockets::TcpState;

use super::*;

#[test]
fn q1_code_a_is_a_client_over_udp() {
    says("Q1", &sample::measurements(), &["[A1.a] Code A is the client.", "[A1.b] It uses a UDP socket", "port 5001"]);
    let tcp = given(|measurements| facts(&mut measurements.datagram).protocol = FlowProtocol::Tcp);
    says("Q1", &tcp, &["It uses a TCP socket", "another program ran"]);
    let silent = given(|measurements| facts(&mut measurements.datagram).packets = 0);
    assert!(answer("Q1", &silent).items.is_empty());
    assert!(answer("Q1", &silent).missing.is_some());
}

#[test]
fn q2_shows_what_both_printed_without_the_port_that_differs() {
    let measurements = sample::measurements();
    says("Q2", &measurements, &["“Message sent”", "“Received data: Hello, Romeo ”", "“From Address: 127.0.0.1:PORT”"]);
    does_not_say("Q2", &measurements, "40001");
    let python = given(|measurements| {
        facts(&mut measurements.datagram).server_output = vec!["From Address:  ('127.0.0.1', 40001)".into()];
    });
    says("Q2", &python, &["('127.0.0.1', PORT)"]);
    let silent = given(|measurements| facts(&mut measurements.datagram).client_output.clear());
    says("Q2", &silent, &["The client printed nothing."]);
}

#[test]
fn q3_transport_and_family_are_those_of_the_packets() {
    says("Q3", &sample::measurements(), &["TCP sockets, IPv4 sockets."]);
    let other = given(|measurements| facts(&mut measurements.echo).family = Family::Ipv6);
    says("Q3", &other, &["TCP sockets, IPv6 sockets.", "not the handout's programs"]);
}

#[test]
fn q4_the_server_alone_has_one_listening_socket() {
    says("Q4", &sample::measurements(), &["One line. State LISTEN, at 127.0.0.1:5002"]);
    let none = given(|measurements| facts(&mut measurements.echo).sockets_before.clear());
    says("Q4", &none, &["Nothing", "no server was waiting"]);
    let resting = given(|measurements| {
        let line = sample::socket("127.0.0.1:5002", "127.0.0.1:39999", TcpState::TimeWait);
        facts(&mut measurements.echo).sockets_before.push(line);
    });
    says("Q4", &resting, &["2 lines.", "[line 2] State TIME_WAIT"]);
}

#[test]
fn q5_the_three_sockets_are_told_apart_in_any_order() {
    let expected = [
        "Yes: 1 line before, 3 lines now.",
        "[line 1] State LISTEN",
        "[line 2] State ESTABLISHED, from 127.0.0.1:5002 to the client's port: the server's end",
        "[line 3] State ESTABLISHED, from the client's port to 127.0.0.1:5002: the client's end",
        "both ends",
    ];
    says("Q5", &sample::measurements(), &expected);
    says("Q5", &given(|measurements| facts(&mut measurements.echo).sockets_during.rotate_left(1)), &expected);
    let two = given(|measurements| {
        facts(&mut measurements.echo).sockets_during.remove(1);
    });
    says("Q5", &two, &["1 line before, 2 lines now", "Three lines were to be expected"]);
    let same = given(|measurements| facts(&mut measurements.echo).sockets_during.truncate(1));
    says("Q5", &same, &["No: 1 line before, 1 line now."]);
}

#[test]
fn q6_counts_the_lines_and_says_how_they_come_about() {
    let measurements = sample::measurements();
    says(
        "Q6",
        &measurements,
        &["[server] The server prints it in 3 lines.", "[client] The client prints it in 6 lines."],
    );
    says(
        "Q6",
        &measurements,
        &["16 + 16 + 9 = 41", "5 × 8 + 1 = 41", "recv(4) needs at least 11 lines", "all 41 bytes"],
    );
    let small = given(|measurements| {
        let line = b"O Romeo, Romeo! wherefore art thou Romeo?";
        let pieces = line.chunks(4).map(|piece| format!("received: {}", String::from_utf8_lossy(piece)));
        facts(&mut measurements.echo).client_output = pieces.collect();
    });
    says("Q6", &small, &["The client prints it in 11 lines.", "10 × 4 + 1 = 41"]);
}

#[test]
fn q7_whether_the_server_saw_an_end_decides() {
    says("Q7", &sample::measurements(), &["No.", "recv() blocks"]);
    let early = given(|measurements| facts(&mut measurements.echo).server_saw_end_before = true);
    says("Q7", &early, &["Yes: the server printed it", "closed early"]);
    let gone = given(|measurements| facts(&mut measurements.echo).sockets_during.truncate(1));
    says("Q7", &gone, &["No.", "Why the server printed nothing was not measured."]);
    does_not_say("Q7", &gone, "recv() blocks");
}

#[test]
fn q8_the_socket_table_is_the_proof() {
    says("Q8", &sample::measurements(), &["No. It receives and sends on the socket that accept() returned."]);
    let gone = given(|measurements| facts(&mut measurements.echo).sockets_during.truncate(1));
    assert!(answer("Q8", &gone).items.is_empty());
    assert!(answer("Q8", &gone).missing.unwrap().contains("did not show"));
}

#[test]
fn q9_ctrl_c_sends_a_fin_which_the_server_sees() {
    says("Q9", &sample::measurements(), &["Yes.", "FIN, which is in the capture"]);
    let deaf = given(|measurements| facts(&mut measurements.echo).server_saw_end_after = false);
    says("Q9", &deaf, &["No: the server did not print it."]);
    let reset = given(|measurements| {
        let echo = facts(&mut measurements.echo);
        (echo.server_saw_end_after, echo.client_sent_fin) = (false, false);
        echo.transfer.to_server.has_rst = true;
    });
    says("Q9", &reset, &["No", "was a reset"]);
    let half_closed = given(|measurements| facts(&mut measurements.echo).client_sent_fin = false);
    says("Q9", &half_closed, &["Yes.", "closed its sending side earlier"]);
}
