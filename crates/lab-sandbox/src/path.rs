//! What a path does to packets: a pure model of delay, rate, loss, duplication and overtaking; time is an argument.
//!
//! ```text
//! enqueue(now, packet) ─► lost? ─► waits for the packets before it, at the rate ─► delay ─► take(now)
//!                                                                  └► once more, when duplicated
//! ```

use std::{cmp::Reverse, collections::BinaryHeap, fmt, str::FromStr, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// How many bytes may wait for a slow path before it drops more (ours; a router's buffer).
const MAX_QUEUE: usize = 1 << 20;

/// How much later than its turn a packet comes that others overtake: the delay once more, but at least this (ours).
const MIN_REORDER_DELAY: Duration = Duration::from_millis(1);

/// One way through a network. The default is a wire that does nothing to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkPath {
    /// From the last bit in to the last bit out: half of the round-trip time.
    pub delay: Duration,
    /// Bits a second; none is without limit.
    pub rate: Option<u64>,
    /// The probability that a packet is lost.
    pub loss: f64,
    /// The probability that it arrives twice.
    pub duplicate: f64,
    /// The probability that those behind it overtake it.
    pub reorder: f64,
}

impl fmt::Display for NetworkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delay {:?} each way", self.delay)?;
        if let Some(rate) = self.rate {
            write!(f, ", rate {} kbit/s", rate / 1000)?;
        }
        let chances = [("loss", self.loss), ("duplication", self.duplicate), ("reordering", self.reorder)];
        chances.iter().filter(|(_, chance)| *chance > 0.0).try_for_each(|(name, chance)| write!(f, ", {name} {chance}"))
    }
}

/// `delay=10ms,rate=1000kbit,loss=0.01,duplicate=0.01,reorder=0.01`, in any order, each at most once.
impl FromStr for NetworkPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut path = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("expected NAME=VALUE, not '{part}'"))?;
            match key {
                "delay" => path.delay = parse_delay(value)?,
                "rate" => path.rate = Some(parse_rate(value)?),
                "loss" => path.loss = parse_chance(value)?,
                "duplicate" => path.duplicate = parse_chance(value)?,
                "reorder" => path.reorder = parse_chance(value)?,
                _ => return Err(format!("'{key}' is none of delay, rate, loss, duplicate, reorder")),
            }
        }
        Ok(path)
    }
}

/// The longest delay, in milliseconds (ours).
const MAX_DELAY_MS: f64 = 10_000.0;

fn parse_delay(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix("ms").and_then(|number| number.parse::<f64>().ok());
    let number = number.filter(|number| (0.0..=MAX_DELAY_MS).contains(number));
    let number = number.ok_or_else(|| format!("expected a delay such as 10ms, at most 10000ms, not '{text}'"))?;
    Ok(Duration::from_secs_f64(number / 1000.0))
}

fn parse_rate(text: &str) -> Result<u64, String> {
    let scaled = |suffix: &str, factor: u64| text.strip_suffix(suffix)?.parse::<u64>().ok()?.checked_mul(factor);
    let rate = scaled("kbit", 1000).or_else(|| scaled("mbit", 1_000_000)).filter(|&rate| rate > 0);
    rate.ok_or_else(|| format!("expected a rate such as 500kbit or 10mbit, not '{text}'"))
}

fn parse_chance(text: &str) -> Result<f64, String> {
    let chance = text.parse().ok().filter(|chance| (0.0..=1.0).contains(chance));
    chance.ok_or_else(|| format!("expected a probability from 0 to 1, not '{text}'"))
}

/// What became of the packets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathCounters {
    /// Those that were handed on, duplicates included.
    pub delivered: u64,
    /// Those that were lost by chance.
    pub lost: u64,
    /// Those that were one too many for a slow path.
    pub overflowed: u64,
    /// Those that arrived twice.
    pub duplicated: u64,
    /// Those that were overtaken.
    pub reordered: u64,
}

/// One direction of a path, with the packets that are on it.
#[derive(Debug)]
pub struct PathQueue {
    path: NetworkPath,
    rng: StdRng,
    /// When the last packet will have left the queue of the slow end.
    busy_until: Duration,
    queued: usize,
    /// By time of arrival, then in the order in which they were offered.
    in_flight: BinaryHeap<Reverse<(Duration, u64, Vec<u8>)>>,
    accepted: u64,
    counters: PathCounters,
}

impl PathQueue {
    /// An empty one, whose rng are fixed by `seed`.
    pub fn new(path: NetworkPath, seed: u64) -> Self {
        Self {
            path,
            rng: StdRng::seed_from_u64(seed),
            busy_until: Duration::ZERO,
            queued: 0,
            in_flight: BinaryHeap::new(),
            accepted: 0,
            counters: PathCounters::default(),
        }
    }

    /// Puts a packet on its way. What finds addresses is `is_control` from chance: its loss would only cost a second.
    pub fn enqueue(&mut self, now: Duration, packet: Vec<u8>, is_control: bool) {
        let (mut is_duplicated, mut is_reordered) = (false, false);
        if !is_control {
            // Always three throws, so that one setting does not change the luck of another.
            let [loss, duplicate, reorder] = [(); 3].map(|()| self.rng.random::<f64>());
            if loss < self.path.loss {
                self.counters.lost += 1;
                return;
            }
            (is_duplicated, is_reordered) = (duplicate < self.path.duplicate, reorder < self.path.reorder);
        }
        if self.queued + packet.len() > MAX_QUEUE && self.path.rate.is_some() {
            self.counters.overflowed += 1;
            return;
        }
        let sending = match self.path.rate {
            Some(rate) => Duration::from_secs_f64(packet.len() as f64 * 8.0 / rate as f64),
            None => Duration::ZERO,
        };
        self.busy_until = self.busy_until.max(now) + sending;
        let mut arrival = self.busy_until + self.path.delay;
        if is_reordered {
            self.counters.reordered += 1;
            arrival += self.path.delay.max(MIN_REORDER_DELAY);
        }
        if is_duplicated {
            self.counters.duplicated += 1;
            self.send(arrival, packet.clone());
        }
        self.send(arrival, packet);
    }

    fn send(&mut self, arrival: Duration, packet: Vec<u8>) {
        self.queued += packet.len();
        self.in_flight.push(Reverse((arrival, self.accepted, packet)));
        self.accepted += 1;
    }

    /// The next packet that has arrived by `now`.
    pub fn dequeue(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse((_, _, packet)) = self.in_flight.pop()?;
        self.queued -= packet.len();
        self.counters.delivered += 1;
        Some(packet)
    }

    /// When the next packet arrives.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.in_flight.peek().map(|Reverse((arrival, _, _))| *arrival)
    }

    /// What became of the packets so far.
    pub fn counters(&self) -> PathCounters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn path(text: &str) -> NetworkPath {
        text.parse().unwrap()
    }

    /// Offers packets of 1,000 bytes, numbered, one each millisecond, and yields when which number arrived.
    fn pass(path: NetworkPath, packets: u8) -> (Vec<(u128, u8)>, PathCounters) {
        let mut queue = PathQueue::new(path, 7);
        let mut arrived = Vec::new();
        for tick in 0..2000 {
            let now = MS * tick;
            if let Some(number) = u8::try_from(tick).ok().filter(|&number| number < packets) {
                queue.enqueue(now, vec![number; 1000], false);
            }
            while let Some(packet) = queue.dequeue(now) {
                arrived.push((now.as_millis(), packet[0]));
            }
        }
        assert_eq!(queue.next_arrival(), None);
        (arrived, queue.counters())
    }

    #[test]
    fn packets_arrive_after_the_delay_in_their_order() {
        let (arrived, counters) = pass(path("delay=5ms"), 3);
        assert_eq!(arrived, [(5, 0), (6, 1), (7, 2)]);
        assert_eq!(counters, PathCounters { delivered: 3, ..PathCounters::default() });
    }

    #[test]
    fn a_rate_spaces_packets_out() {
        // 8,000 bits at 1 Mbit/s take 8 ms.
        let (arrived, _) = pass(path("delay=5ms,rate=1mbit"), 3);
        assert_eq!(arrived, [(13, 0), (21, 1), (29, 2)]);
    }

    #[test]
    fn a_slow_path_drops_what_its_buffer_cannot_hold() {
        let mut queue = PathQueue::new(path("rate=1kbit"), 7);
        (0..1100).for_each(|_| queue.enqueue(Duration::ZERO, vec![0; 1000], false));
        assert_eq!(queue.counters().overflowed, 1100 - (MAX_QUEUE as u64) / 1000);
    }

    #[test]
    fn chance_is_as_often_as_it_was_asked_for_and_repeats_with_the_seed() {
        let (arrived, counters) = pass(path("delay=5ms,loss=0.5,duplicate=0.2,reorder=0.2"), 200);
        assert_eq!(counters.delivered, arrived.len() as u64);
        assert_eq!(counters.delivered, 200 - counters.lost + counters.duplicated);
        assert!((80..120).contains(&counters.lost), "{counters:?}");
        assert!((10..32).contains(&counters.duplicated) && (10..32).contains(&counters.reordered), "{counters:?}");
        let numbers: Vec<u8> = arrived.iter().map(|&(_, number)| number).collect();
        assert!(!numbers.is_sorted(), "nobody was overtaken");
        assert_eq!(pass(path("delay=5ms,loss=0.5,duplicate=0.2,reorder=0.2"), 200).0, arrived);
    }

    #[test]
    fn what_finds_addresses_is_never_lost() {
        let mut queue = PathQueue::new(path("loss=1"), 7);
        queue.enqueue(MS, vec![1], true);
        queue.enqueue(MS, vec![2], false);
        assert_eq!((queue.dequeue(MS), queue.dequeue(MS), queue.counters().lost), (Some(vec![1]), None, 1));
    }

    #[test]
    fn a_path_is_read_as_it_is_written() {
        let all = path("delay=2.5ms,rate=10mbit,loss=0.1,duplicate=0.2,reorder=0.3");
        assert_eq!((all.delay, all.rate), (Duration::from_micros(2500), Some(10_000_000)));
        assert_eq!((all.loss, all.duplicate, all.reorder), (0.1, 0.2, 0.3));
        assert_eq!(path(""), NetworkPath::default());
        for wrong in ["delay=5", "delay=-1ms", "delay=1e9ms", "rate=0kbit", "rate=5", "loss=1.5", "luck=1", "loss"] {
            wrong.parse::<NetworkPath>().unwrap_err();
        }
    }
}
