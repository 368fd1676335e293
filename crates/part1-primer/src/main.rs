//! Part 1, primer: the four programs of the handout, a pair over UDP and a pair over TCP
//! (handout, sections 1.1 and 1.2; Q1 to Q9). All four use IPv4.
//!
//! Usage: `part1-primer udp-server` · `part1-primer udp-client` · `part1-primer echo-server` · `part1-primer echo-client`

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use labnet::{
    Error,
    cli::{self, Console},
};

mod echo;
mod udp;

/// Exchange first messages over UDP and TCP
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples, each pair in two terminals:
  part1-primer udp-server                  Code B: shows datagrams and senders
  part1-primer udp-client                  Code A: sends one datagram
  part1-primer echo-server                 Code C: echoes, 16 bytes at a time
  part1-primer echo-client                 Code D: sends a line, shows the echo
  part1-primer echo-client --recv-buffer 4
                                           more lines, the same bytes (Q6)"
)]
struct Arguments {
    #[command(subcommand)]
    code: Code,
}

#[derive(Subcommand)]
enum Code {
    /// Code B: receive datagrams (UDP)
    UdpServer(udp::ServerArguments),
    /// Code A: send one datagram (UDP)
    UdpClient(udp::ClientArguments),
    /// Code C: echo what clients send, one client after the other (TCP)
    EchoServer(echo::ServerArguments),
    /// Code D: send a line and receive its echo (TCP)
    EchoClient(echo::ClientArguments),
}

fn main() -> ExitCode {
    cli::run(primer)
}

fn primer(arguments: Arguments, console: &Console) -> Result<(), Error> {
    match arguments.code {
        Code::UdpServer(arguments) => udp::server(&arguments, console),
        Code::UdpClient(arguments) => udp::client(&arguments, console),
        Code::EchoServer(arguments) => echo::server(&arguments, console),
        Code::EchoClient(arguments) => echo::client(&arguments, console),
    }
}
