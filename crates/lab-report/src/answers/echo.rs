//! Q3 to Q9: an echo over TCP, and its sockets.

use super::sockets::{self, SocketRole};
use lab_testbed::facts::{Echo, Measurement, Scenario};
use labnet::net::Family;

use crate::{
    formatting::{capital, count, number, sum},
    sheet::Answer,
};

pub(super) fn answers(echo: &Measurement<Echo>) -> [Answer; 7] {
    [q3, q4, q5, q6, q7, q8, q9].map(|answer| answer(echo))
}

const ECHO: &str = "The echo of Code C and Code D";

fn q3(measurement: &Measurement<Echo>) -> Answer {
    let mut answer =
        Answer::new(3, "Code C echoes what Code D sends. Are their sockets UDP or TCP sockets? IPv4 or IPv6 sockets?");
    let Some(echo) = require(&mut answer, measurement) else { return answer };
    let family = echo.family;
    answer.item("", format!("TCP sockets, {family} sockets."));
    answer.explain("The code says so: SOCK_STREAM asks for TCP, AF_INET for IPv4.");
    answer.explain(if family == Family::Ipv4 {
        "So do the packets: they have TCP headers behind IPv4 headers. The name localhost also has an IPv6 address, \
         but an AF_INET socket can only use 127.0.0.1."
            .to_owned()
    } else {
        format!("The packets say TCP over {family}, however: these were not the handout's programs.")
    });
    answer.measure("transport, from the packets", format!("TCP over {family}"));
    answer
}

fn q4(measurement: &Measurement<Echo>) -> Answer {
    let mut answer = Answer::new(
        4,
        "Code C runs, Code D does not yet. What does netstat show for the server's port, and what does that mean?",
    );
    let Some(echo) = require(&mut answer, measurement) else { return answer };
    let table = sockets::read(&echo.sockets_before);
    let is_expected = table.len() == 1 && table.iter().all(|socket| socket.role == SocketRole::Listening);
    match table.as_slice() {
        [] => answer.item("", "Nothing: no socket had the server's port, so no server was waiting there."),
        [socket] => answer.item("", format!("One line. {}", socket.explain())),
        many => {
            answer.item("", format!("{} lines.", many.len()));
            tell(&mut answer, many);
        }
    }
    answer.explain(if is_expected {
        "bind() and listen() made this socket. It belongs to no connection, so its other side is empty. As long as no \
         client has come, it is the only one."
    } else {
        "One line was to be expected, for the socket made by bind() and listen(). Lines in state TIME_WAIT are \
         connections of an earlier run, whose port number rests for a while."
    });
    echo.sockets_before.iter().for_each(|line| answer.observe("line", line));
    answer
}

fn q5(measurement: &Measurement<Echo>) -> Answer {
    let mut answer = Answer::new(
        5,
        "Now Code D is connected. Does netstat show something else than before? What does each of its lines stand for?",
    );
    let Some(echo) = require(&mut answer, measurement) else { return answer };
    let table = sockets::read(&echo.sockets_during);
    let (before, lines) = (echo.sockets_before.len() as u64, table.len() as u64);
    let verdict = if sockets::read(&echo.sockets_before) == table { "No" } else { "Yes" };
    answer.item("", format!("{verdict}: {} before, {} now.", count(before, "line"), count(lines, "line")));
    tell(&mut answer, &table);
    let roles: Vec<SocketRole> = table.iter().map(|socket| socket.role).collect();
    answer.explain(if roles == [SocketRole::Listening, SocketRole::Accepted, SocketRole::Client] {
        "A connection has two ends, and each end is a socket. Server and client run on one machine here, so its \
         table has both ends. The listening socket stays as it was, ready for the next client."
    } else {
        "Three lines were to be expected: the listening socket, the server's end and the client's end. The table is \
         that of one machine: with server and client on two, each shows its own end only. A line in another state \
         belongs to a connection that is being opened or closed."
    });
    echo.sockets_during.iter().for_each(|line| answer.observe("line", line));
    answer
}

fn q6(measurement: &Measurement<Echo>) -> Answer {
    let mut answer = Answer::new(
        6,
        "In how many lines do the server and the client print the text that travels between them? How could one change \
         the number of lines?",
    );
    let Some(echo) = require(&mut answer, measurement) else { return answer };
    let bytes = echo.transfer.to_server.distinct_bytes;
    for (who, output) in [("server", &echo.server_output), ("client", &echo.client_output)] {
        let lines = Echo::received_lines(output);
        answer.item(who, format!("The {who} prints it in {}.", count(lines, "line")));
        let pieces = Echo::received_pieces(output);
        if let (Some(&most), true) = (pieces.iter().max(), lines > 0) {
            answer.explain(format!(
                "No piece at the {who} was longer than {}: {} = {}.",
                count(most, "byte"),
                sum(&pieces),
                number(pieces.iter().sum()),
            ));
        }
        answer.measure(format!("lines at the {who}"), lines);
    }
    answer.item(
        "how to change it",
        format!(
            "By the number given to recv(), which is the most that one call returns. recv(4) needs at least {}; with \
             room for all {} the text can be one line.",
            count(bytes.div_ceil(4), "line"),
            count(bytes, "byte"),
        ),
    );
    answer.explain(
        "Each recv() makes one line. It returns what is there, up to its limit: 16 bytes in Code C, 8 in Code D. The \
         sender's call does not matter, for TCP keeps no borders between what was sent.",
    );
    answer.measure("bytes sent by the client", bytes);
    answer
}

fn q7(measurement: &Measurement<Echo>) -> Answer {
    let mut answer = Answer::new(
        7,
        "Code D has received its echo and still runs. Has Code C come to its line “No more data”? If not, why not?",
    );
    let Some(echo) = require(&mut answer, measurement) else { return answer };
    if echo.server_saw_end_before {
        answer.item("", "Yes: the server printed it although the client had not been ended yet.");
        answer.explain(
            "That line needs a recv() which returns no bytes, so the server was told of an end. A client that holds \
             its connection sends none: this one closed early, or only its sending side.",
        );
    } else {
        answer.item("", "No.");
        let is_open = sockets::read(&echo.sockets_during).iter().any(|socket| socket.role == SocketRole::Client);
        answer.explain(if is_open {
            "The client holds its connection open: the table of Q5 has it as ESTABLISHED. Nothing tells the server that no \
             more will come, so its recv() blocks and waits for the next byte."
        } else {
            "The table of Q5 does not have the client's end as ESTABLISHED, so it did not hold the connection. Why the \
             server printed nothing was not measured."
        });
    }
    answer.measure("“No more data” before the client was ended", yes_or_no(echo.server_saw_end_before));
    answer
}

fn q8(measurement: &Measurement<Echo>) -> Answer {
    let mut answer = Answer::new(8, "Does the server receive and send on the socket on which it listens?");
    let Some(echo) = require(&mut answer, measurement) else { return answer };
    let table = sockets::read(&echo.sockets_during);
    let has = |role| table.iter().any(|socket| socket.role == role);
    if !has(SocketRole::Listening) || !has(SocketRole::Accepted) {
        answer.add_missing(
            "The socket table did not show a listening socket and, beside it, the server's end of the connection. A \
             client that does not hold its connection is gone before one can look.",
        );
        return answer;
    }
    answer.item("", "No. It receives and sends on the socket that accept() returned.");
    answer.explain(
        "The table of Q5 has two sockets of the server while the client is connected. One is in state LISTEN and has \
         nobody at its other side, so there is nobody to whom it could send. The other is in state ESTABLISHED and \
         names the client: accept() made it, for this one connection.",
    );
    answer.measure("sockets of the server while connected", "LISTEN and ESTABLISHED");
    answer
}

fn q9(measurement: &Measurement<Echo>) -> Answer {
    let mut answer =
        Answer::new(9, "Code D is ended with Ctrl-C. Does Code C print “No more data” now, and what makes it do so?");
    let Some(echo) = require(&mut answer, measurement) else { return answer };
    let reset = echo.transfer.to_server.has_rst;
    if echo.server_saw_end_before {
        answer.item("", "It had done so before: this client did not hold the connection, so there was nothing to end.");
        answer.explain(
            "A client that closes its socket, or ends by itself, sends the same FIN as one that is ended with Ctrl-C: \
             the server cannot tell one from the other. At the server recv() returned no bytes.",
        );
        answer.measure("“No more data” before the client was ended", "yes");
        return answer;
    }
    answer.item("", if echo.server_saw_end_after { "Yes." } else { "No: the server did not print it." });
    answer.explain(match (echo.server_saw_end_after, echo.client_sent_fin) {
        (true, true) => {
            "Ctrl-C ends the program, and the system closes the sockets of a program that ends. For this one it sent a \
             FIN, which is in the capture. At the server recv() then returned no bytes, which means: nothing more will \
             come."
        }
        (true, false) => {
            "The server's recv() returned no bytes, but the capture has no FIN of the client after Ctrl-C: it must \
             have closed its sending side earlier."
        }
        (false, true) => {
            "The client's FIN is in the capture, so the server's recv() had to return no bytes. This server did not \
             print what Code C prints then."
        }
        (false, false) if reset => {
            "The client's end was a reset and not a FIN. recv() then fails with an error instead of returning no \
             bytes. A system resets when a program ends with unread bytes in its socket, or has asked for that (SO_LINGER)."
        }
        (false, false) => {
            "The capture has no FIN of the client, so nothing told the server that the connection was \
                           over."
        }
    });
    answer.measure("“No more data” after the client was ended", yes_or_no(echo.server_saw_end_after));
    answer.measure("FIN from the client", yes_or_no(echo.client_sent_fin));
    answer
}

fn require<'a>(answer: &mut Answer, measurement: &'a Measurement<Echo>) -> Option<&'a Echo> {
    let name = measurement.measured().map(|echo| echo.transfer.experiment.as_str()).filter(|name| !name.is_empty());
    answer.require(measurement, name.unwrap_or(Scenario::Echo.name()), ECHO)
}

fn tell(answer: &mut Answer, table: &[sockets::TableLine]) {
    for (i, socket) in table.iter().enumerate() {
        answer.item(format!("line {}", i + 1), capital(&socket.explain()));
    }
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
