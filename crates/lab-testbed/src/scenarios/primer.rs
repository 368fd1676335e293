//! Part 1: Code A to D, on one host.

use std::cell::RefCell;

use lab_packets::{
    diagram::{Diagram, DiagramOptions},
    flow::FlowProtocol,
};
use lab_process::{
    Program, Stream,
    sockets::{self, Socket, TcpState},
};
use lab_sandbox::{Host, HostsFile, TcpMonitor};
use labnet::net::Family;

use super::wait_for_server;
use crate::{
    ExperimentFailure,
    capture::Capture,
    facts::{DatagramFacts, Echo},
    programs::ProgramRole,
    session::ExperimentSession,
    watch::{self, EVENT_TIMEOUT, SHORT_TIMEOUT},
};

/// The output of Code C at the end of a connection.
const END: &str = "No more data";

/// The last word of the text that Code D sends.
const LAST_WORD: &str = "Romeo?";

pub(super) fn datagram(session: &mut ExperimentSession<'_>) -> Result<DatagramFacts, ExperimentFailure> {
    let port = session.settings().ports.datagram;
    let host = Host::alone("lab", HostsFile::lab_on_localhost())?;
    let mut server = session.start(&host, ProgramRole::CodeB, &[])?;
    wait_for_server(&host, &mut server, sockets::Protocol::Udp, port)?;
    let capture = host.run(|| Capture::start("lo", u32::MAX))?;
    let client = session.start(&host, ProgramRole::CodeA, &[])?;
    let client = session.finish(client);
    // A program that failed has sent nothing for which to wait.
    let patience = if client.code() == 0 { EVENT_TIMEOUT } else { SHORT_TIMEOUT };
    let shown =
        server.line_with("show where the datagram came from", patience, |line| line.text.contains("From Address"));
    let recording = capture.stop();
    session.keep_capture(&recording)?;
    let server = session.end(server);

    let flow = watch::flow(&recording, FlowProtocol::Udp, port, ProgramRole::CodeA)
        .map_err(|failure| failure.with_ending(&client))?;
    shown?;
    session.keep_diagram(Diagram::of(&flow, None, &DiagramOptions::default()));
    let text = flow.rows.first().map(|row| String::from_utf8_lossy(&row.head).into_owned()).unwrap_or_default();
    Ok(DatagramFacts {
        client_output: lines(&client.stdout()),
        server_output: lines(&server.stdout()),
        protocol: flow.protocol,
        family: Family::of(flow.server),
        ports: (flow.client.port(), flow.server.port()),
        packets: flow.sent.packets + flow.received.packets,
        text,
    })
}

pub(super) fn echo(session: &mut ExperimentSession<'_>) -> Result<Echo, ExperimentFailure> {
    let port = session.settings().ports.echo;
    let host = Host::alone("lab", HostsFile::lab_on_localhost())?;
    let mut server = session.start(&host, ProgramRole::CodeC, &[])?;
    wait_for_server(&host, &mut server, sockets::Protocol::Tcp, port)?;
    let sockets_before = table(&host, port)?;
    let (capture, mut ends) =
        host.run(|| Ok::<_, ExperimentFailure>((Capture::start("lo", u32::MAX)?, TcpMonitor::listen()?)))?;

    let mut client = session.start(&host, ProgramRole::CodeD, &[])?;
    // The client shows the echo in pieces: the last word ends it.
    let echo = RefCell::new(String::new());
    client.line_with("show the whole echo", EVENT_TIMEOUT, |line| {
        let mut echo = echo.borrow_mut();
        echo.push_str(line.text.strip_prefix("received:").unwrap_or_default().trim_start());
        echo.contains(LAST_WORD)
    })?;
    // The server must not notice an end while the client holds its connection.
    let notices = |server: &mut Program, within| {
        server.line_with("notice the end", within, |line| line.text.starts_with(END)).is_ok()
    };
    let server_saw_end_before = notices(&mut server, SHORT_TIMEOUT);
    if server_saw_end_before {
        // No line matches: a pause, so that a closing connection leaves the table.
        let _ = server.line_with("close its end", SHORT_TIMEOUT, |_| false);
    }
    let sockets_during = table(&host, port)?;
    let shown = |program: &mut Program| {
        let answer = program.lines().iter().filter(|line| line.stream == Stream::Stdout);
        answer.map(|line| line.text.clone()).collect::<Vec<_>>()
    };
    let (server_output, client_output) = (shown(&mut server), shown(&mut client));

    // Ctrl-C at Code D.
    session.end(client);
    let server_saw_end_after = server_saw_end_before || notices(&mut server, EVENT_TIMEOUT);
    let ends = ends.wait(EVENT_TIMEOUT, |ends| ends.len() >= 2).to_vec();
    let sockets_after = table(&host, port)?;
    let recording = capture.stop();
    session.keep_capture(&recording)?;
    session.end(server);
    for (when, sockets) in [("before", &sockets_before), ("during", &sockets_during), ("after", &sockets_after)] {
        sockets.iter().for_each(|socket| session.note(format_args!("{when}: {socket}")));
    }

    let flow = watch::flow(&recording, FlowProtocol::Tcp, port, ProgramRole::CodeD)?;
    session.keep_diagram(Diagram::of(&flow, None, &DiagramOptions::default()));
    let mut transfer = watch::of_flow(session.scenario().name(), &flow, &recording);
    transfer.add_ends(&ends, &flow);
    Ok(Echo {
        sockets_before,
        sockets_during,
        sockets_after,
        family: Family::of(flow.server),
        server_output,
        client_output,
        server_saw_end_before,
        server_saw_end_after,
        client_sent_fin: transfer.to_server.has_fin && !transfer.to_server.has_rst,
        transfer,
    })
}

/// The sockets of the echo, in the order of netstat: listening first.
fn table(host: &Host, port: u16) -> Result<Vec<Socket>, ExperimentFailure> {
    let mut sockets = host.run(move || sockets::with_port(port))?;
    sockets.sort_by_key(|socket| (socket.state != TcpState::Listen, socket.local.port() != port));
    Ok(sockets)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
