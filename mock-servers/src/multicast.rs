//! The broadcaster of part 4: plays Romeo and Juliet to a multicast group, listens to what others send there, and
//! answers those who write enough (handout, section 4).

use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use labnet::{
    Error,
    escape::Printable,
    feed::{Datagram, Identity, MAX_DATAGRAM_LEN},
    net::{Clock, Group, Interface, MulticastSender, Running, SystemClock, Wake},
};

use crate::{
    ClientId, Event, Events, ServerName, ServerSettings,
    event::thanks,
    fault::{DatagramFaults, Fault, Origin, Outgoing},
};

pub(crate) const NAME: ServerName = ServerName::Multicast;

/// How many hops the programme travels, as the real one was seen to.
const TTL: u8 = 10;

/// How many intervals the broadcaster rests after the play.
const REST: u32 = 3;

/// What the real broadcaster sends before it begins again.
const REWIND: &str = "RWND...";

/// How many identities are counted (ours: a large class, several times over); further ones are not answered.
const MAX_IDENTITIES: usize = 4096;

/// The longest datagram that is received whole, in bytes.
const RECV_LEN: usize = 65_507;

/// How late a line may be for the next one to come sooner after it (ours).
const MAX_LATE: Duration = Duration::from_secs(1);

/// How soon the listener notices the end.
const NOTICE: Duration = Duration::from_millis(200);

/// A broadcaster.
#[derive(Clone, Debug)]
pub struct Config {
    /// The group's address.
    pub group: Ipv4Addr,
    /// The group's port; 0 picks a free one.
    pub port: u16,
    /// The interface on which it speaks and listens.
    pub interface: Interface,
    /// The time from one line to the next.
    pub interval: Duration,
    /// The lines of the play.
    pub play: Arc<[String]>,
    /// An identity is answered once it has sent more characters than this.
    pub threshold: u64,
    /// A file that gets one JSON object for each datagram heard.
    pub record: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            group: Ipv4Addr::new(224, 1, 1, 1),
            port: 5005,
            interface: Interface::LOOPBACK,
            interval: Duration::from_secs(1),
            play: include_str!("romeo.txt").lines().map(str::to_owned).collect(),
            threshold: 300,
            record: None,
        }
    }
}

/// Starts a broadcaster.
///
/// # Errors
/// [`Error::Listen`], [`Error::Group`], or [`Error::File`] for the record.
pub fn spawn(config: &Config, settings: &ServerSettings) -> Result<Running, Error> {
    let clock = SystemClock::default();
    let mut running = Running::new(clock.clone());
    let record = config.record.as_ref().map(Record::create).transpose()?;
    let group = Group::join(SocketAddrV4::new(config.group, config.port), config.interface)?;
    let address = group.address();
    let sender = Arc::new(MulticastSender::open(address, config.interface, TTL)?);
    let listener = Listener {
        group,
        sender: Arc::clone(&sender),
        counts: CharacterCounts::new(config.threshold),
        record,
        events: settings.events.clone(),
        clock: clock.clone(),
    };
    let faults = settings.faults.for_datagrams(settings.seed, "multicast", NAME, 0);
    let has_foreign = faults.iter().any(|fault| *fault == Fault::ForeignGroup);
    let foreign = has_foreign.then(|| MulticastSender::open(neighbour(address), config.interface, TTL)).transpose()?;
    let mut broadcaster = Broadcaster { sender, foreign, faults, events: settings.events.clone(), was_reported: false };
    let config = config.clone();
    let broadcast = move || broadcaster.broadcast(&config, &clock);
    running.add_thread("multicast sender", Wake::ByItself, broadcast)?;
    running.add_thread("multicast listener", Wake::ByItself, || listener.run())?;
    running.add_address(address.into());
    Ok(running)
}

/// The thread that speaks to the group.
struct Broadcaster {
    sender: Arc<MulticastSender>,
    /// Speaks to another group on the same port.
    foreign: Option<MulticastSender>,
    faults: DatagramFaults,
    events: Events,
    was_reported: bool,
}

impl Broadcaster {
    /// Plays, rests, and plays again, until the clock ends.
    fn broadcast(&mut self, config: &Config, clock: &dyn Clock) {
        // On the clock, so that what a send takes does not add up.
        let mut due = clock.now();
        for (text, pause) in programme(&config.play, config.interval).iter().cycle() {
            self.send(text);
            let (now, next) = (clock.now(), due.checked_add(*pause));
            // What is too late, as after a suspend, is not caught up with.
            due = next.filter(|next| now.saturating_duration_since(*next) < MAX_LATE).unwrap_or(now);
            let wait = if next.is_some() { due.saturating_duration_since(now) } else { *pause };
            if !clock.pause(wait) {
                return;
            }
        }
    }

    /// Sends a text of the programme, with the faults.
    fn send(&mut self, text: &str) {
        for Outgoing { bytes, origin, .. } in self.faults.apply(Outgoing::new(datagram(text))) {
            let sender = self.foreign.as_ref().filter(|_| origin == Origin::ForeignGroup);
            if let Err(error) = sender.unwrap_or(&self.sender).send(&bytes)
                && !std::mem::replace(&mut self.was_reported, true)
            {
                self.events.report(trouble(&error));
            }
        }
    }
}

/// Another group, which differs in the last bit.
fn neighbour(group: SocketAddrV4) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(group.ip().to_bits() ^ 1), group.port())
}

/// The play once: what is sent, and the pause after it.
fn programme(play: &[String], interval: Duration) -> Vec<(String, Duration)> {
    let lines = play.iter().map(|line| (line.clone(), interval));
    lines.chain([(REWIND.to_owned(), interval.saturating_mul(REST))]).collect()
}

/// A datagram of the programme, cut between characters if it is too long.
fn datagram(text: &str) -> Vec<u8> {
    let bytes = Identity::PROGRAMME.as_bytes();
    let (text, _) = text.split_at(text.floor_char_boundary(MAX_DATAGRAM_LEN - bytes.len()));
    [bytes, text.as_bytes()].concat()
}

/// How many characters each identity has sent.
#[derive(Debug)]
struct CharacterCounts {
    threshold: u64,
    characters: HashMap<Identity, u64>,
}

impl CharacterCounts {
    fn new(threshold: u64) -> Self {
        Self { threshold, characters: HashMap::new() }
    }

    /// Counts the Unicode characters of a datagram; yields the sum of its sender when that is now enough for an answer.
    fn add(&mut self, identity: Identity, text: &[u8]) -> Option<u64> {
        if identity == Identity::PROGRAMME {
            return None;
        }
        if self.characters.len() >= MAX_IDENTITIES && !self.characters.contains_key(&identity) {
            return None;
        }
        let sum = self.characters.entry(identity).or_default();
        let before = *sum;
        *sum += String::from_utf8_lossy(text).chars().count() as u64;
        let crossed = before <= self.threshold && *sum > self.threshold;
        crossed.then_some(*sum)
    }
}

/// The thread that hears the group.
struct Listener {
    group: Group,
    sender: Arc<MulticastSender>,
    counts: CharacterCounts,
    record: Option<Record>,
    events: Events,
    clock: SystemClock,
}

impl Listener {
    fn run(mut self) {
        let mut buffer = vec![0; RECV_LEN];
        while !self.clock.has_ended() {
            match self.group.receive(&mut buffer, NOTICE) {
                Ok(Some((bytes, from))) => self.hear(bytes, from),
                Ok(None) => {}
                Err(error) => {
                    self.events.report(trouble(&error));
                    self.clock.pause(Duration::from_millis(100));
                }
            }
        }
    }

    fn hear(&mut self, bytes: &[u8], from: SocketAddr) {
        let Some((identity, text)) = Datagram::new(bytes).split() else {
            self.events.report(Event::TooShort { client: ClientId::new(NAME, from), bytes: bytes.len() });
            return;
        };
        if let Some(record) = &mut self.record
            && let Err(error) = record.add(from, identity, text)
        {
            self.events.report(trouble(&error));
            self.record = None;
        }
        if identity == Identity::PROGRAMME {
            return;
        }
        let line = Printable::from(text.strip_suffix(b"\n").unwrap_or(text));
        let name = Printable::from(identity.to_string());
        self.events.report(Event::Heard { client: ClientId::new(NAME, from), identity: name.clone(), text: line });
        if let Some(characters) = self.counts.add(identity, text) {
            self.events.report(Event::Thanked { server: NAME, identity: name.clone(), characters });
            if let Err(error) = self.sender.send(&datagram(&thanks(&name, characters))) {
                self.events.report(trouble(&error));
            }
        }
    }
}

fn trouble(error: &Error) -> Event {
    Event::Trouble { server: NAME, reason: error.to_string() }
}

/// What was heard, as JSON lines.
#[derive(Debug)]
struct Record {
    file: File,
    path: PathBuf,
}

#[derive(Serialize)]
struct Entry {
    time: String,
    source: String,
    identity: String,
    text: String,
}

impl Record {
    fn create(path: &PathBuf) -> Result<Self, Error> {
        let file = File::create(path).map_err(|source| file_error("create", path, source))?;
        Ok(Self { file, path: path.clone() })
    }

    fn add(&mut self, from: SocketAddr, identity: Identity, text: &[u8]) -> Result<(), Error> {
        let entry = Entry {
            time: labnet::cli::now_in_nanoseconds(),
            source: from.to_string(),
            identity: identity.to_string(),
            text: String::from_utf8_lossy(text).into_owned(),
        };
        let line = serde_json::to_string(&entry).map_err(std::io::Error::other);
        line.and_then(|line| self.file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|source| file_error("write to", &self.path, source))
    }
}

fn file_error(attempt: &'static str, path: &std::path::Path, source: std::io::Error) -> Error {
    Error::File { attempt, path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programme_ends_with_a_rewind_and_a_rest_of_three_intervals() {
        let second = Duration::from_secs(1);
        let play = ["But soft!".to_owned(), String::new()];
        assert_eq!(
            programme(&play, second),
            [("But soft!".to_owned(), second), (String::new(), second), ("RWND...".to_owned(), second * 3)]
        );
        assert_eq!(datagram(""), b"swcmTV");
        assert_eq!(datagram(&"\u{1f339}".repeat(1000)).len(), 6 + 1464);
    }

    #[test]
    fn q21_an_identity_is_answered_once_when_it_has_sent_more_than_the_threshold() {
        let mut counts = CharacterCounts::new(300);
        let romeo: Identity = "123456".parse().unwrap();
        let juliet: Identity = "654321".parse().unwrap();
        // 150 characters of two bytes each.
        let text = "\u{e9}".repeat(150);
        assert_eq!(counts.add(romeo, text.as_bytes()), None);
        assert_eq!(counts.add(juliet, text.as_bytes()), None);
        assert_eq!(counts.add(romeo, text.as_bytes()), None, "exactly 300 is not more");
        let answer = thanks(romeo, counts.add(romeo, b"!").unwrap());
        assert!(answer.contains("123456") && answer.contains("301"), "{answer}");
        assert_eq!(counts.add(romeo, text.as_bytes()), None, "once");
        assert_eq!(counts.add(Identity::PROGRAMME, &[b'x'; 1000]), None);
    }
}
