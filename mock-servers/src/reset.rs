//! The PMU of part 3: acknowledges a clock reset over UDP, loses packets on purpose, and is reachable over one
//! family at a time (handout, section 3).

use std::{
    fmt, io,
    net::{SocketAddr, UdpSocket},
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{Rng, RngExt};

use labnet::{
    Error,
    escape::Printable,
    net::{self, Clock, Family, Running, ScopedIp, SystemClock, Wake},
    reset::Request,
};

use crate::{
    ClientId, Event, Events, ServerName, ServerSettings,
    datagram_sender::DatagramSender,
    fault::{Fault, Outgoing},
};

mod clients;

use clients::Clients;

pub(crate) const NAME: ServerName = ServerName::Reset;

/// The longest datagram that UDP can carry, in bytes: a shorter buffer would make another one of it.
const RECV_LEN: usize = 65_535;

/// A PMU that resets its clock.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The port, the same for both families; 0 picks one that is free in both.
    pub port: u16,
    /// The probability with which a packet is lost, 0 to 1 (0.6 in the handout's solution of Q17).
    pub loss: f64,
    /// Which family answers when.
    pub schedule: Schedule,
    /// What the family does that does not answer.
    pub other_family: OtherFamily,
    /// What stands between `OFFSET` and X: `=` in the handout, `:` from the real server.
    pub separator: char,
    /// How many of the first packets are lost whatever the luck, over IPv4 and over IPv6.
    pub lose_first: (u64, u64),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 5004,
            loss: 0.6,
            schedule: Schedule::Alternate(Duration::from_secs(10)),
            other_family: OtherFamily::Refuse,
            separator: '=',
            lose_first: (0, 0),
        }
    }
}

/// Which family answers when. Written `ipv4`, `ipv6`, `both`, `alternate` or `alternate:SECONDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Always this one.
    Always(Family),
    /// Both, always.
    Both,
    /// IPv4 for this long, then IPv6 for this long, and so on.
    Alternate(Duration),
}

impl Schedule {
    /// Whether a family answers after `elapsed`, and until when that stays so, if it changes at all.
    fn answers(self, family: Family, elapsed: Duration) -> (bool, Option<Duration>) {
        match self {
            Self::Always(only) => (family == only, None),
            Self::Both => (true, None),
            Self::Alternate(period) => {
                let turn = elapsed.as_nanos() / period.as_nanos().max(1);
                let end = u32::try_from(turn + 1).ok().and_then(|turns| period.checked_mul(turns));
                (turn.is_multiple_of(2) == (family == Family::Ipv4), end)
            }
        }
    }

    fn ever_answers(self, family: Family) -> bool {
        self.answers(family, Duration::ZERO).0 || matches!(self, Self::Alternate(_))
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "ipv4" => Ok(Self::Always(Family::Ipv4)),
            "ipv6" => Ok(Self::Always(Family::Ipv6)),
            "both" => Ok(Self::Both),
            "alternate" => Ok(Config::default().schedule),
            _ => match text.strip_prefix("alternate:") {
                Some(seconds) => labnet::cli::parse_seconds(seconds).map(Self::Alternate),
                None => Err("expected ipv4, ipv6, both, alternate or alternate:SECONDS".to_owned()),
            },
        }
    }
}

/// What the family does that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OtherFamily {
    /// Its port is closed: ICMP says so.
    Refuse,
    /// It takes everything and says nothing.
    Silent,
}

/// Starts a PMU on the addresses of the settings, those of a family that never answers left out.
///
/// # Errors
/// [`Error::Listen`].
pub fn spawn(config: &Config, settings: &ServerSettings) -> Result<Running, Error> {
    let clock = SystemClock::default();
    let mut running = Running::new(clock.clone());
    let is_served = |family| config.schedule.ever_answers(family) || config.other_family == OtherFamily::Silent;
    let addresses = |family| settings.bind.iter().copied().filter(move |ip| Family::of(ip.at(0)) == family);
    let addresses: Vec<ScopedIp> =
        [Family::Ipv4, Family::Ipv6].into_iter().filter(|&family| is_served(family)).flat_map(addresses).collect();
    // Of one family alone, when there is none.
    let family = if is_served(Family::Ipv4) { Family::Ipv4 } else { Family::Ipv6 };
    settings.need_address(NAME, family, &addresses)?;
    let report = settings.events.of_serve(NAME);
    let sockets = net::bind_each(&addresses, config.port, report, net::bind_udp, UdpSocket::local_addr)?;
    let begun = clock.now();
    let mut begun_families: Vec<Family> = Vec::new();
    for socket in sockets {
        let address = socket.local_addr().map_err(|source| Error::System { attempt: "name a socket", source })?;
        let family = Family::of(address);
        let is_first = !begun_families.contains(&family);
        begun_families.push(family);
        // The first of a family has the family's numbers, whatever other addresses there are.
        let name = if is_first { format!("{NAME} {family}") } else { format!("{NAME} {family} {}", address.ip()) };
        let faults = settings.faults.of(NAME);
        let server = AddressServer {
            config: *config,
            family,
            reports_changes: is_first,
            address,
            begun,
            clock: clock.clone(),
            events: settings.events.clone(),
            closed_for: faults.iter().find_map(|rule| match rule.fault {
                Fault::Icmp(duration) => Some(duration),
                _ => None,
            }),
            clients: Clients::new(settings, &name),
            sender: DatagramSender::open(&faults, address.into(), &mut running)?,
            received: 0,
        };
        running.add_thread(&name, Wake::Udp(address), move || server.run(socket))?;
        if config.schedule.ever_answers(family) {
            running.add_address(address);
        }
    }
    Ok(running)
}

/// One address of the server.
struct AddressServer {
    config: Config,
    family: Family,
    /// One for each family does: they change together.
    reports_changes: bool,
    address: SocketAddr,
    begun: Instant,
    clock: SystemClock,
    events: Events,
    /// How long the port is closed, and open, in turns.
    closed_for: Option<Duration>,
    clients: Clients,
    sender: DatagramSender,
    /// How many datagrams have come while it answered.
    received: u64,
}

impl AddressServer {
    fn run(mut self, socket: UdpSocket) {
        let mut socket = Some(Arc::new(socket));
        let mut buffer = vec![0; RECV_LEN];
        let mut limit = None;
        let mut was_answering = None;
        while !self.clock.has_ended() {
            let elapsed = self.clock.now() - self.begun;
            let (answers, until) = self.config.schedule.answers(self.family, elapsed);
            let (is_closed, until) = self.is_closed(elapsed, until);
            let answers = answers && !is_closed;
            if was_answering.replace(answers) != Some(answers) && until.is_some() && self.reports_changes {
                self.events.report(Event::FamilyChanged { server: NAME, family: self.family, answers });
            }
            let patience = until.map(|until| until.saturating_sub(elapsed).max(Duration::from_millis(1)));
            if is_closed || !answers && self.config.other_family == OtherFamily::Refuse {
                (socket, limit) = (None, None);
                self.clock.pause(patience.unwrap_or(Duration::from_secs(3600)));
                continue;
            }
            match socket.take().map_or_else(|| net::bind_udp(self.address).map(Arc::new), Ok) {
                Ok(bound) => {
                    self.receive(&bound, &mut buffer, answers, patience, &mut limit);
                    socket = Some(bound);
                }
                Err(error) => {
                    self.events.report(Event::Trouble { server: NAME, reason: error.to_string() });
                    self.clock.pause(Duration::from_millis(100));
                }
            }
        }
    }

    /// Whether the port is closed now, whatever the schedule, and until when that and the schedule stay as they are.
    fn is_closed(&self, elapsed: Duration, until: Option<Duration>) -> (bool, Option<Duration>) {
        let Some(period) = self.closed_for.filter(|period| !period.is_zero()) else { return (false, until) };
        let turn = u32::try_from(elapsed.as_nanos() / period.as_nanos()).unwrap_or(u32::MAX);
        let end = period.saturating_mul(turn.saturating_add(1));
        (turn.is_multiple_of(2), Some(until.map_or(end, |until| until.min(end))))
    }

    /// Waits for a datagram, and acknowledges it or not; so with those that came behind it. `limit` is the limit of a recv
    /// that the socket has.
    fn receive(
        &mut self,
        socket: &Arc<UdpSocket>,
        buffer: &mut [u8],
        answers: bool,
        patience: Option<Duration>,
        limit: &mut Option<Duration>,
    ) {
        /// How soon the end is noticed without a wake-up call.
        const NOTICE: Duration = Duration::from_secs(1);
        /// How many datagrams are answered before their events are reported (ours).
        const AT_ONCE: usize = 64;
        let patience = patience.map_or(NOTICE, |patience| patience.min(NOTICE));
        if *limit != Some(patience) {
            *limit = socket.set_read_timeout(Some(patience)).is_ok().then_some(patience);
        }
        let mut received = socket.recv_from(buffer);
        let mut events = Vec::new();
        while let Ok((n, from)) = received
            && answers
            && !self.clock.has_ended()
        {
            self.answer(socket, buffer.get(..n).unwrap_or_default(), from, &mut events);
            if events.len() >= AT_ONCE {
                break;
            }
            received = net::recv_arrived(socket, buffer);
        }
        // Behind the answers, and all at once: whoever hears of them would be woken for each.
        events.into_iter().for_each(|event| self.events.report(event));
        match received {
            // What is not answered, and the wake-up call of the end.
            Ok(_) => {}
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
                // An answer found its client gone; on some systems the next recv says so.
                io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {}
                _ => {
                    let reason = labnet::error::reason(&error);
                    self.events.report(Event::SocketFailed { server: NAME, reason });
                    self.clock.pause(Duration::from_millis(100));
                }
            },
        }
    }

    /// Acknowledges a datagram or not; there is an event for it, and one for each answer that could not be sent.
    fn answer(&mut self, socket: &Arc<UdpSocket>, datagram: &[u8], from: SocketAddr, events: &mut Vec<Event>) {
        self.received += 1;
        let (ipv4, ipv6) = self.config.lose_first;
        let is_lost = self.received <= if self.family == Family::Ipv4 { ipv4 } else { ipv6 };
        let client = self.clients.of(from, &self.events);
        let reply = if is_lost { None } else { reply(datagram, &self.config, &mut client.rng) };
        let outgoing = reply.map(|reply| client.faults.apply(Outgoing::new(reply.to_string())));
        let is_answered = outgoing.as_ref().is_some_and(|outgoing| !outgoing.is_empty());
        for outgoing in outgoing.unwrap_or_default() {
            if let Err(error) = self.sender.send(outgoing, socket, from) {
                let reason = labnet::error::reason(&error);
                events.push(Event::CannotAnswer { client: ClientId::new(NAME, from), reason });
            }
        }
        events.push(event(from, datagram, reply.filter(|_| is_answered)));
    }
}

/// What there is to report of a datagram and its reply.
fn event(peer: SocketAddr, datagram: &[u8], reply: Option<Reply>) -> Event {
    let (client, request) = (ClientId::new(NAME, peer), Printable::from(datagram));
    let text = reply.map(|reply| reply.to_string()).unwrap_or_default();
    match reply {
        Some(Reply::Acknowledgement { offset, .. }) => Event::Acknowledged { client, request, reply: text, offset },
        Some(Reply::WrongCommand) => Event::WrongCommand { client, request, reply: text },
        None => Event::Lost { client, request },
    }
}

/// What the PMU answers; as it is sent when displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `OFFSET=X`, or with the separator of the configuration.
    Acknowledgement {
        /// What stands before X.
        separator: char,
        /// X.
        offset: u64,
    },
    /// To what is no request.
    WrongCommand,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledgement { separator, offset } => write!(f, "OFFSET{separator}{offset}"),
            Self::WrongCommand => f.write_str("Wrong command."),
        }
    }
}

/// What the handout's PMU answers to a datagram; `None` when it loses it.
pub fn reply(datagram: &[u8], config: &Config, rng: &mut impl Rng) -> Option<Reply> {
    let arrived = rng.random::<f64>() >= config.loss;
    let reply = match Request::parse(datagram) {
        Some(request) => {
            Reply::Acknowledgement { separator: config.separator, offset: rng.random_range(0..=request.n) }
        }
        None => Reply::WrongCommand,
    };
    arrived.then_some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: &str, elapsed: f64, expected: (bool, bool)) {
        let schedule: Schedule = schedule.parse().unwrap();
        let elapsed = Duration::from_secs_f64(elapsed);
        let seen = [Family::Ipv4, Family::Ipv6].map(|family| schedule.answers(family, elapsed).0);
        assert_eq!(seen, [expected.0, expected.1], "{schedule:?} at {elapsed:?}");
    }

    #[test]
    fn one_family_answers_at_a_time_or_as_it_is_told() {
        check("ipv4", 1e6, (true, false));
        check("ipv6", 0.0, (false, true));
        check("both", 0.0, (true, true));
        check("alternate", 9.9, (true, false));
        check("alternate", 10.0, (false, true));
        check("alternate:0.5", 0.6, (false, true));
        check("alternate:0.5", 1.1, (true, false));
        let (_, until) = Schedule::Alternate(Duration::from_secs(3)).answers(Family::Ipv6, Duration::from_secs(7));
        assert_eq!(until, Some(Duration::from_secs(9)));
    }

    #[test]
    fn q17_the_loss_and_the_offsets_are_those_of_the_configuration_and_the_seed() {
        let config = Config { separator: ':', ..Config::default() };
        let replies = |seed| {
            let mut rng = ServerSettings { seed, ..ServerSettings::default() }.rng("test");
            let reply = |_| reply(b"RESET:20", &config, &mut rng).map(|reply| reply.to_string());
            (0..10_000).map(reply).collect::<Vec<_>>()
        };
        let first = replies(1);
        let lost = first.iter().filter(|reply| reply.is_none()).count();
        assert!((5800..6200).contains(&lost), "{lost}");
        for x in 0..=20 {
            assert!(first.contains(&Some(format!("OFFSET:{x}"))), "{x}");
        }
        assert_eq!(first, replies(1));
        assert_ne!(first, replies(2));
    }

    #[test]
    fn anything_but_a_request_is_a_wrong_command() {
        let config = Config { loss: 0.0, ..Config::default() };
        for wrong in [b"RESET".as_slice(), b"", b"reset:20", b"RESET:20\n", b"\xff"] {
            let reply = reply(wrong, &config, &mut ServerSettings::default().rng("test"));
            assert_eq!(reply.map(|reply| reply.to_string()).as_deref(), Some("Wrong command."));
        }
    }
}
