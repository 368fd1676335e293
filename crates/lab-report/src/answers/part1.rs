//! Q1 to Q9: a datagram, and an echo over TCP (`echo`).

use super::echo;
use lab_packets::flow::FlowProtocol;
use lab_testbed::facts::{DatagramFacts, Measurement, Measurements, Scenario};

use crate::{
    formatting::{count, list, quote, times, without_port},
    sheet::Answer,
};

pub(super) fn answers(measurements: &Measurements) -> Vec<Answer> {
    let datagrams = [q1, q2].map(|answer| answer(&measurements.datagram));
    datagrams.into_iter().chain(echo::answers(&measurements.echo)).collect()
}

const DATAGRAM: &str = "The exchange of Code A and Code B";

fn q1(measurement: &Measurement<DatagramFacts>) -> Answer {
    let mut answer = Answer::new(
        1,
        "Code A and Code B exchange one greeting. Is Code A the client or the server? Does it use a UDP socket or a \
         TCP socket?",
    );
    let Some(datagram) = answer.require(measurement, Scenario::Datagram.name(), DATAGRAM) else { return answer };
    let (from, to) = datagram.ports;
    if datagram.packets == 0 {
        answer.add_missing("No packet of Code A was seen.");
        return answer;
    }
    let (protocol, family) = (datagram.protocol, datagram.family);
    answer.item("A1.a", "Code A is the client.");
    answer.item("A1.b", format!("It uses a {protocol} socket; its packets travelled over {family}."));
    answer.explain(format!(
        "A client speaks first, to a port that it has to know. A server waits at such a port. Here the first packet \
         came from Code A and went to port {to}, where Code B waited. Code A did not ask for a port of its own: the \
         system picked one."
    ));
    answer.explain(match protocol {
        FlowProtocol::Udp => format!(
            "SOCK_DGRAM in the code stands for UDP. The capture agrees: {} in all, with no connection before and none \
             closed after.",
            count(datagram.packets, "packet"),
        ),
        FlowProtocol::Tcp => format!(
            "The handout's code asks for UDP with SOCK_DGRAM, but these packets are {protocol}: another program ran."
        ),
    });
    answer.measure("transport, from the packets", format!("{protocol} over {family}"));
    answer.measure("packets in all", datagram.packets);
    answer.measure("port of Code B", to);
    answer.observe("port of Code A", from);
    answer
}

fn q2(measurement: &Measurement<DatagramFacts>) -> Answer {
    let mut answer =
        Answer::new(2, "Code B is started, then Code A. What does the client print? What does the server print?");
    let Some(datagram) = answer.require(measurement, Scenario::Datagram.name(), DATAGRAM) else { return answer };
    let port = datagram.ports.0;
    let server: Vec<String> = datagram.server_output.iter().map(|line| without_port(line, port)).collect();
    answer.item("A2.a", printed("The client", &datagram.client_output));
    let note = if server.iter().any(|line| line.contains("PORT")) {
        " PORT is the number that the system picked for the client; it is another one each time."
    } else {
        ""
    };
    answer.item("A2.b", printed("The server", &server) + note);
    answer.explain(format!(
        "The client printed that it had sent. It did not wait for an answer and cannot know whether the datagram \
         arrived. The server's loop never ends, but recvfrom() blocks until a datagram is there: its body ran {}, for \
         {} with the text {}.",
        times(datagram.packets),
        count(datagram.packets, "datagram"),
        quote(&datagram.text),
    ));
    answer.measure("datagrams", datagram.packets);
    for line in &datagram.server_output {
        answer.observe("line of the server", line);
    }
    answer
}

fn printed(who: &str, lines: &[String]) -> String {
    let quoted: Vec<String> = lines.iter().map(|line| quote(line)).collect();
    match lines.len() {
        0 => format!("{who} printed nothing."),
        1 => format!("{who} printed {}.", list(&quoted)),
        n => format!("{who} printed {}: {}.", count(n as u64, "line"), list(&quoted)),
    }
}
