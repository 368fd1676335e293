//! Part 4, multicast: a receiver joins the programme's group and shows its datagrams
//! (handout, section 4.1; Q18, Q19).
//!
//! Usage: `part4-receiver` · `part4-receiver 224.1.1.1 10505 --interface 127.0.0.1`

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Console},
    count::Count,
    feed::Datagram,
    net::{Group, Interface},
};

const PROGRAMME: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 1, 1, 1), 5005);

/// The longest datagram that UDP can carry over IPv4, in bytes.
const MAX_DATAGRAM_LEN: usize = 65_507;

/// Join a multicast group and show its datagrams, one a line, as 'ID: text'
#[derive(Parser)]
#[command(
    version,
    override_usage = "part4-receiver [OPTIONS] [GROUP PORT]",
    after_help = "Examples:
  part4-receiver                           the handout's group, 224.1.1.1:5005
  part4-receiver --interface 127.0.0.1     that of mock-servers
  part4-receiver 224.1.1.1 10505 --count 10
                                           later editions' port; ten datagrams"
)]
struct Arguments {
    /// The group's IPv4 address, and its port
    #[arg(value_name = "GROUP PORT", num_args = 2)]
    positional: Vec<String>,
    /// The interface on which to join: its IPv4 address or its name
    #[arg(long, value_name = "ADDR|NAME")]
    interface: Option<Interface>,
    /// End after so many datagrams; by default go on until Ctrl-C
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Seconds of silence after which to give up; by default wait for ever
    #[arg(long, value_name = "SECONDS", value_parser = cli::parse_seconds)]
    timeout: Option<Duration>,
}

fn main() -> ExitCode {
    cli::run(receiver)
}

fn receiver(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let address = cli::group(&arguments.positional, PROGRAMME)?;
    let interface = arguments.interface.unwrap_or_default();

    // Q19: joining is IP_ADD_MEMBERSHIP; without it the datagrams do not come.
    let group = Group::join(address, interface)?;
    console.err.note(format_args!("joined {address} on {interface}"));

    let mut buffer = vec![0; MAX_DATAGRAM_LEN];
    let (mut shown, mut last) = (0, Instant::now());
    // The programme sends each second: nothing for a while means that it does not reach this interface.
    let patience = cli::notice_after(arguments.timeout);
    let mut hint_at = Some(patience);
    while arguments.count.is_none_or(|count| shown < count) {
        let next_step = [hint_at, arguments.timeout].into_iter().flatten().min().unwrap_or(patience);
        if let Some((bytes, from)) = group.receive(&mut buffer, next_step.saturating_sub(last.elapsed()))? {
            (shown, last, hint_at) = (shown + 1, Instant::now(), None);
            let datagram = Datagram::new(bytes);
            if datagram.split().is_none() {
                let len = Count::of_len(bytes.len(), "byte");
                console.err.warn(format_args!("{len} from {from}: too short for an identity"));
            }
            console.out.line(datagram)?;
            continue;
        }
        if hint_at.is_some_and(|patience| last.elapsed() >= patience) {
            hint_at = None;
            let (ip, after, advice) = (address.ip(), patience.as_secs_f64(), interface.advice());
            console.err.hint(format_args!("nothing has come to {ip} on {interface} for {after} s; {advice}"));
        }
        if let Some(after) = arguments.timeout.filter(|timeout| last.elapsed() >= *timeout) {
            return Err(Error::Silent { from: address.into(), after });
        }
    }
    Ok(())
}
