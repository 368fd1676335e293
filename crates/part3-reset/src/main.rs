//! Part 3, clock reset: a PDC repeats its request over UDP, in both families, until the PMU acknowledges it
//! (handout, section 3; Q16, Q17).
//!
//! Usage: `part3-reset` · `part3-reset --runs 60` · `part3-reset localhost 5004 --n 20`

use std::{net::SocketAddr, process::ExitCode};

use labnet::{
    Error,
    cli::{self, Console, DefaultServer, ResetStats, Stats},
    escape::escape,
    net::{Deadline, Exchange, Family, Pair, PerFamily},
    reset::{Offset, Request, Tally},
};

mod arguments;
#[cfg(test)]
mod tests;

use arguments::Arguments;

const PMU: DefaultServer = DefaultServer { host: "lab3.iw.epfl.ch", port: 5004, mock_port: 5004 };

fn main() -> ExitCode {
    cli::run(pdc)
}

fn pdc(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let request = Request { n: arguments.n };
    let stats = console.statistics.begin(arguments.stats, ResetStats::of(request));
    let servers = PMU.or_each(&arguments.positional, &arguments.server)?;
    let addresses = Pair::addresses(&servers, Deadline::after(arguments.connect_timeout))?;

    let (mut tally, mut sockets) = (Tally::default(), None);
    console.err.progress().begin(arguments.runs);
    for run in 1..=arguments.runs {
        // Each run has sockets of its own, so that an acknowledgement of an earlier one, come late, does not count.
        let pmu = sockets.insert(Pair::open(&addresses, |text| {
            if run == 1 {
                console.err.warn(text)
            }
        })?);
        console.waiting.begin(format_args!(
            "{request} is sent every {} s to {}, no acknowledgement has come yet",
            arguments.timeout.as_secs_f64(),
            list(&addresses)
        ));
        let (offset, from, packets) = reset(pmu, request, &arguments, &stats, console)?;
        console.waiting.end();
        let (family, time) = (Family::of(from), cli::now());
        console.out.line(format_args!("{offset} from {from} over {family} after {packets} packets at {time}"))?;
        console.err.progress().advance();
        tally.add(packets);
    }
    console.err.progress().end();
    if arguments.runs > 1 { console.out.line(tally) } else { Ok(()) }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// One packet to each family, one second for either to answer, and again: the retransmission of section 3.
fn reset(
    pmu: &mut impl Exchange,
    request: Request,
    arguments: &Arguments,
    stats: &Stats<ResetStats>,
    console: &Console,
) -> Result<(Offset, SocketAddr, u64), Error> {
    let mut sent = PerFamily::default();
    for _ in 0..arguments.max_rounds.unwrap_or(u64::MAX) {
        let round = pmu.send_to_each(request.to_string().as_bytes())?;
        sent += round;
        stats.update(|stats| stats.sent(round));
        // The whole second passes before the next round, whatever arrives that is no acknowledgement.
        let deadline = pmu.now() + arguments.timeout;
        while let Some(datagram) = pmu.receive(deadline) {
            let from = datagram.from;
            if let Some(offset) = request.acknowledged_by(&datagram.bytes) {
                stats.update(|stats| stats.acknowledged(offset, Family::of(from)));
                return Ok((offset, from, sent.of(Family::of(from))));
            }
            let answer = escape(&datagram.bytes);
            console.err.warn(format_args!("no acknowledgement of {request} from {from}: '{answer}'"));
        }
    }
    Err(Error::NoAcknowledgement { rounds: arguments.max_rounds.unwrap_or(u64::MAX), timeout: arguments.timeout })
}
