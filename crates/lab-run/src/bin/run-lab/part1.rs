//! Code A with Code B, Code C with Code D, and the socket table (Q1 to Q9).

use lab_process::{Program, Stream, sockets};
use labnet::Error;

use crate::runner::{DEADLINE, ExperimentError, Runner, check};

pub(crate) fn run(runner: &mut Runner) -> Result<(), Error> {
    runner.experiment("Code A sends a datagram to Code B (Q1, Q2)", datagram)?;
    runner.experiment("Code D and Code C exchange a line: 6 and 3 recv calls (Q6)", echo)?;
    runner.experiment("The table of sockets around Code C and Code D (Q4, Q5, Q7, Q9)", table)
}

/// Starts a server of part 1 on a free port.
fn server(runner: &Runner, code: &str) -> Result<(Program, String), ExperimentError> {
    let (mut server, address) = runner.start_server("part1-primer", &[code, "--bind", "127.0.0.1", "--port", "0"])?;
    runner.show(server.lines().iter())?;
    Ok((server, address.to_string()))
}

fn datagram(runner: &Runner) -> Result<(), ExperimentError> {
    let (mut code_b, address) = server(runner, "udp-server")?;
    let code_a = runner.run("part1-primer", &["udp-client", "--server", &address])?;
    check("Code A says 'Message sent'", code_a.stdout() == "Message sent\n")?;
    let data = code_b.line_with("receive", DEADLINE, |line| line.text.starts_with("Received data:"))?;
    let from = code_b.line_with("name the sender", DEADLINE, |line| line.text.starts_with("From Address:"))?;
    runner.show(["Code B:", &data.text, &from.text].into_iter())?;
    check("Code B shows the greeting", data.text == "Received data: Hello, Romeo ")?;
    check("Code B shows the sender's address", from.text.starts_with("From Address: 127.0.0.1:"))
}

fn echo(runner: &Runner) -> Result<(), ExperimentError> {
    let (mut code_c, address) = server(runner, "echo-server")?;
    let code_d = runner.run("part1-primer", &["echo-client", "--server", &address, "--no-hold"])?;
    code_c.line_with("see the end", DEADLINE, |line| line.text.starts_with("No more data from"))?;
    runner.show(["Code C:".to_owned()].into_iter().chain(code_c.lines().iter().map(ToString::to_string)))?;
    let received = |lines: &[lab_process::Line]| lines.iter().filter(|line| line.text.starts_with("received:")).count();
    check("the client receives in 6 pieces of at most 8 bytes", received(&code_d.lines) == 6)?;
    check("the server receives in 3 pieces of at most 16 bytes", received(code_c.lines()) == 3)
}

fn table(runner: &Runner) -> Result<(), ExperimentError> {
    let (mut code_c, address) = server(runner, "echo-server")?;
    let port: u16 = address.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
    sockets_are(runner, port, "with Code C alone", &["LISTEN"])?;

    let mut code_d = runner.start("part1-primer", &["echo-client", "--server", &address])?;
    for _ in 0..6 {
        code_d.line_with("receive", DEADLINE, |line| line.text.starts_with("received:"))?;
    }
    sockets_are(runner, port, "while Code D holds its connection", &["ESTABLISHED", "ESTABLISHED", "LISTEN"])?;
    let ended = |line: &lab_process::Line| line.text.starts_with("No more data");
    check("Code C still waits for more (Q7)", !code_c.lines().iter().any(ended))?;

    code_d.interrupt();
    let code_d = runner.finish(code_d)?;
    check("Ctrl-C ends Code D as the signal does", cfg!(not(unix)) || code_d.code() == 130)?;
    let line = code_c.line_with("see the end (Q9)", DEADLINE, |line| line.stream == Stream::Stdout && ended(line))?;
    runner.show(["Code C, after Ctrl-C in Code D:", &line.text].into_iter())?;
    Ok(())
}

/// Prints the sockets with a port and checks their states; prints a note on a system without a socket table.
fn sockets_are(runner: &Runner, port: u16, when: &str, expected: &[&str]) -> Result<(), ExperimentError> {
    let table = match sockets::with_port(port) {
        Ok(table) => table,
        Err(_) => {
            runner.show([format!("no table of sockets {when}: this system has no /proc/net/tcp")].into_iter())?;
            return Ok(());
        }
    };
    runner.show([format!("The sockets with port {port} {when}:")].into_iter())?;
    runner.show(table.iter())?;
    let mut states: Vec<_> = table.iter().map(|socket| socket.state.to_string()).collect();
    states.sort_unstable();
    check(&format!("{when}: {}", expected.join(", ")), states == expected)
}
