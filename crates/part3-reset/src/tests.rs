//! The waiting of part 3 on a clock that the test holds: when a round begins, what ends it, and what is counted.

use std::time::{Duration, Instant};

use clap::Parser;

use labnet::net::Datagram;

use super::*;
use Family::{Ipv4, Ipv6};

/// What comes from the network, and when: milliseconds after the round that brings it, the family, the datagram.
type Arrival = (u64, Family, &'static str);

/// A network on which time passes only while somebody waits, and whose wait ends at the deadline or later.
struct Network<'a> {
    begun: Instant,
    now: Instant,
    /// What a round brings; rounds count from 1.
    brings: Box<dyn FnMut(u64) -> Vec<Arrival> + 'a>,
    /// How many packets a round is.
    packets: Box<dyn Fn(u64) -> PerFamily>,
    /// How much later than asked a wait without a datagram ends.
    oversleeps: Duration,
    arriving: Vec<(Instant, Datagram)>,
    /// When each round was sent, in milliseconds.
    rounds: Vec<u64>,
}

impl<'a> Network<'a> {
    fn new(brings: impl FnMut(u64) -> Vec<Arrival> + 'a) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            now: begun,
            brings: Box::new(brings),
            packets: Box::new(|_| PerFamily { ipv4: 1, ipv6: 1 }),
            oversleeps: Duration::ZERO,
            arriving: Vec::new(),
            rounds: Vec::new(),
        }
    }

    /// A network that brings all of this, counted from the first round.
    fn with(arrivals: &'a [Arrival]) -> Self {
        Self::new(|round| if round == 1 { arrivals.to_vec() } else { Vec::new() })
    }

    fn elapsed(&self) -> u64 {
        (self.now - self.begun).as_millis().try_into().unwrap()
    }

    /// One run of part 3 over this network: the answer as it is shown, or the error.
    fn reset(&mut self, options: &[&str]) -> Result<(Offset, Family, u64), Error> {
        let arguments = Arguments::parse_from(["part3-reset"].iter().chain(options));
        let (request, console) = (Request { n: arguments.n }, Console::new());
        let stats = console.statistics.begin(false, ResetStats::of(request));
        let (offset, from, packets) = reset(self, request, &arguments, &stats, &console)?;
        assert_eq!(from, pmu(Family::of(from)));
        Ok((offset, Family::of(from), packets))
    }
}

impl Exchange for Network<'_> {
    fn now(&self) -> Instant {
        self.now
    }

    fn send_to_each(&mut self, bytes: &[u8]) -> Result<PerFamily, Error> {
        assert_eq!(bytes, b"RESET:20");
        self.rounds.push(self.elapsed());
        let round = self.rounds.len() as u64;
        for (after, family, text) in (self.brings)(round) {
            let datagram = Datagram { from: pmu(family), bytes: text.into() };
            self.arriving.push((self.now + Duration::from_millis(after), datagram));
        }
        self.arriving.sort_by_key(|(at, _)| *at);
        Ok((self.packets)(round))
    }

    fn receive(&mut self, until: Instant) -> Option<Datagram> {
        if self.arriving.first().is_some_and(|(at, _)| *at < until) {
            let (at, datagram) = self.arriving.remove(0);
            self.now = self.now.max(at);
            return Some(datagram);
        }
        self.now = self.now.max(until + self.oversleeps);
        None
    }
}

/// The PMU's address in a family.
fn pmu(family: Family) -> SocketAddr {
    match family {
        Family::Ipv4 => "192.0.2.1:5004",
        Family::Ipv6 => "[2001:db8::1]:5004",
    }
    .parse()
    .unwrap()
}

/// One run with the handout's second: when its rounds began, the family that answered, and how many packets it took.
fn check(arrivals: &[Arrival], rounds: &[u64], family: Family, packets: u64) {
    let mut network = Network::with(arrivals);
    let seen = network.reset(&[]).unwrap();
    assert_eq!(network.rounds, rounds, "{arrivals:?}");
    assert_eq!(seen, (Offset(7), family, packets), "{arrivals:?}");
}

#[test]
fn an_acknowledgement_ends_the_run_at_once_and_nothing_more_is_sent() {
    for family in [Ipv4, Ipv6] {
        let arrivals = [(3, family, "OFFSET=7"), (3, family, "OFFSET=7"), (4, family, "OFFSET=8")];
        let mut network = Network::with(&arrivals);
        assert_eq!(network.reset(&[]).unwrap(), (Offset(7), family, 1));
        assert_eq!((network.rounds.as_slice(), network.elapsed()), ([0].as_slice(), 3));
    }
}

#[test]
fn the_family_that_answers_first_ends_the_run() {
    check(&[(20, Ipv6, "OFFSET=7"), (30, Ipv4, "OFFSET=9")], &[0], Ipv6, 1);
    check(&[(20, Ipv6, "OFFSET=9"), (10, Ipv4, "OFFSET=7")], &[0], Ipv4, 1);
}

#[test]
fn a_round_lasts_the_whole_timeout_to_the_very_end() {
    check(&[(999, Ipv4, "OFFSET=7")], &[0], Ipv4, 1);
    check(&[(1000, Ipv4, "OFFSET=7")], &[0, 1000], Ipv4, 2);
    check(&[(1001, Ipv4, "OFFSET=7")], &[0, 1000], Ipv4, 2);
}

#[test]
fn an_acknowledgement_that_comes_rounds_later_counts_for_its_run() {
    check(&[(3500, Ipv6, "OFFSET=7")], &[0, 1000, 2000, 3000], Ipv6, 4);
    // Two requests on their way, two answers: the first ends the run.
    check(&[(1200, Ipv4, "OFFSET=7"), (1300, Ipv4, "OFFSET=8")], &[0, 1000], Ipv4, 2);
}

#[test]
fn what_is_no_acknowledgement_moves_no_round() {
    for text in ["Wrong command.", "OFFSET=21", "OFFSET=", "offset=7", "RESET:20", ""] {
        let noise = [0, 500, 999, 1000].map(|at| (at, Ipv4, text));
        let arrivals = [&noise[..], &[(2500, Ipv6, "OFFSET=7")]].concat();
        check(&arrivals, &[0, 1000, 2000], Ipv6, 3);
    }
}

#[test]
fn noise_throughout_a_run_moves_no_round() {
    let noise = (0..25).map(|i| (i * 97, if i % 2 == 0 { Ipv4 } else { Ipv6 }, "OFFSET=-1"));
    let arrivals: Vec<Arrival> = noise.chain([(2450, Ipv4, "OFFSET=7")]).collect();
    check(&arrivals, &[0, 1000, 2000], Ipv4, 3);
}

#[test]
fn a_round_that_ended_late_is_not_made_up_for() {
    let mut network = Network::with(&[(4800, Ipv4, "OFFSET=7")]);
    network.oversleeps = Duration::from_millis(300);
    assert_eq!(network.reset(&[]).unwrap(), (Offset(7), Ipv4, 4));
    assert_eq!(network.rounds, [0, 1300, 2600, 3900]);
}

#[test]
fn the_timeout_is_the_one_of_the_command_line() {
    let mut network = Network::with(&[(1600, Ipv4, "OFFSET=7")]);
    assert_eq!(network.reset(&["--timeout", "0.25"]).unwrap(), (Offset(7), Ipv4, 7));
    assert_eq!(network.rounds, [0, 250, 500, 750, 1000, 1250, 1500]);
}

#[test]
fn the_packets_counted_are_those_of_the_family_that_answered() {
    for (family, packets) in [(Ipv4, 3), (Ipv6, 2)] {
        let arrivals = [(2500, family, "OFFSET=7")];
        let mut network = Network::with(&arrivals);
        // IPv6 cannot send in the first round.
        network.packets = Box::new(|round| PerFamily { ipv4: 1, ipv6: u64::from(round > 1) });
        assert_eq!(network.reset(&[]).unwrap(), (Offset(7), family, packets));
    }
}

#[test]
fn it_gives_up_after_the_last_round_that_was_allowed_and_not_before_its_end() {
    let mut network = Network::with(&[]);
    let error = network.reset(&["--max-rounds", "3"]).unwrap_err();
    assert!(matches!(error, Error::NoAcknowledgement { rounds: 3, .. }), "{error}");
    assert_eq!((network.rounds.as_slice(), network.elapsed()), ([0, 1000, 2000].as_slice(), 3000));

    let mut network = Network::with(&[(2999, Ipv4, "OFFSET=7")]);
    assert_eq!(network.reset(&["--max-rounds", "3"]).unwrap(), (Offset(7), Ipv4, 3));
}

#[test]
fn it_goes_on_for_a_day_when_nobody_answers() {
    let mut network = Network::new(|round| if round == 86_400 { vec![(1, Ipv4, "OFFSET=7")] } else { Vec::new() });
    assert_eq!(network.reset(&[]).unwrap(), (Offset(7), Ipv4, 86_400));
    assert!(network.rounds.iter().zip(0..).all(|(&at, round)| at == round * 1000));
}

/// A die of 64 bits (splitmix64).
struct Dice(u64);

impl Dice {
    /// A number from 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn q17_with_nine_packets_lost_in_ten_it_takes_ten_on_average() {
    let (mut dice, mut tally) = (Dice(17), Tally::default());
    for run in 0..5000 {
        let family = if run % 2 == 0 { Ipv4 } else { Ipv6 };
        let mut network = Network::new(|_| if dice.roll() < 0.1 { vec![(80, family, "OFFSET=7")] } else { Vec::new() });
        let (_, from, packets) = network.reset(&[]).unwrap();
        assert_eq!((from, packets), (family, network.rounds.len() as u64));
        assert!(network.rounds.iter().zip(0..).all(|(&at, round)| at == round * 1000), "{:?}", network.rounds);
        drop(network);
        tally.add(packets);
    }
    // The standard error of the mean is 9.5 / sqrt(5000) = 0.13.
    assert!((9.5..10.5).contains(&tally.mean()), "{tally}");
    let (low, high) = tally.interval();
    assert!(low < 0.9 && 0.9 < high, "{tally}");
}
