//! Part 4, multicast: a sender reads lines and sends them to the group under its identity
//! (handout, section 4.2; Q20, Q21).
//!
//! Usage: `part4-sender 123456` · `part4-sender 224.1.1.1 10505 123456 --interface 127.0.0.1 < opinion.txt`

use std::{
    io::{self, BufRead},
    net::{Ipv4Addr, SocketAddrV4},
    process::ExitCode,
};

use clap::Parser;

use labnet::{
    Error,
    cli::{self, Console},
    feed::{Identity, Sheet},
    net::{Interface, MulticastSender},
};

const PROGRAMME: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 1, 1, 1), 5005);

/// Send lines from the keyboard, or from a pipe, to a multicast group
#[derive(Parser)]
#[command(
    version,
    override_usage = "part4-sender [OPTIONS] [GROUP PORT] ID",
    after_help = "Examples:
  part4-sender 123456                        the handout's group, 224.1.1.1:5005
  part4-sender 123456 --interface 127.0.0.1  that of mock-servers
  part4-sender 224.1.1.1 10505 123456 < text.txt
                                             later editions' port

Each line is a datagram. A line too long for one datagram of 1472 bytes becomes
several, each with the identity."
)]
struct Arguments {
    /// Who sends: 6 bytes, such as a Camipro number; before it, the group's IPv4 address and port
    #[arg(value_name = "[GROUP PORT] ID", required = true, num_args = 1..=3)]
    positional: Vec<String>,
    /// The interface on which to send: its IPv4 address or its name
    #[arg(long, value_name = "ADDR|NAME")]
    interface: Option<Interface>,
    /// How many hops the datagrams may travel
    #[arg(long, default_value_t = 1)]
    ttl: u8,
}

fn main() -> ExitCode {
    cli::run(sender)
}

fn sender(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let (identity, address) =
        arguments.positional.split_last().ok_or_else(|| Error::Usage("no identity".to_owned()))?;
    let identity: Identity = identity.parse()?;
    let address = cli::group(address, PROGRAMME)?;

    // Q20: sending takes no special option, nor membership; the group is only an address.
    let interface = arguments.interface.unwrap_or_default();
    let group = MulticastSender::open(address, interface, arguments.ttl)?;

    // Said once something is sent: the receiver may be started meanwhile.
    let mut is_first = true;
    let mut send = |datagram: &[u8]| {
        group.send(datagram)?;
        if std::mem::take(&mut is_first) {
            name_interface(&group, address, interface.advice(), console);
        }
        Ok(())
    };

    let mut sheet = Sheet::new(identity);
    let mut keyboard = io::stdin().lock();
    loop {
        console.err.prompt(&format!("{identity}> "));
        let failed = |source| Error::File { attempt: "read", path: "standard input".to_owned(), source };
        let text = keyboard.fill_buf().map_err(failed)?;
        if text.is_empty() {
            console.err.prompt("\n");
            return sheet.finish(&mut send);
        }
        sheet.push(text, &mut send)?;
        let read = text.len();
        keyboard.consume(read);
    }
}

/// Says where the datagrams go, unless somebody on this machine has joined the group there.
fn name_interface(group: &MulticastSender, address: SocketAddrV4, advice: &str, console: &Console) {
    let Some(interface) = group.outgoing_interface() else { return };
    match interface.has_member(*address.ip()) {
        Some(true) => {}
        Some(false) => console.err.note(format_args!(
            "sent to {address} on {interface}, where nobody on this machine has joined the group; {advice}"
        )),
        None => console.err.note(format_args!("sent to {address} on {interface}")),
    }
}
