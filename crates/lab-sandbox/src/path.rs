//! A model of a network path: delay, rate, loss, duplication and reordering. It has no clock: time is an argument.
//!
//! ```text
//! enqueue(now, packet) ─► lost? ─► queue, at the rate ─► delay ─► dequeue(now)
//!                                                          └► a second time, if duplicated
//! ```

use std::{cmp::Reverse, collections::BinaryHeap, fmt, str::FromStr, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// The queue of a path with a rate, in bytes (ours; the buffer of a router). It drops packets when it is full.
const MAX_QUEUE: usize = 1 << 20;

/// The least extra delay of a reordered packet (ours). The extra delay is that of the path, or this if it is longer.
const MIN_REORDER_DELAY: Duration = Duration::from_millis(1);

/// The settings of a network path. The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkPath {
    /// The one-way delay: half of the round-trip time.
    pub delay: Duration,
    /// The rate in bits per second; `None` is without limit.
    pub rate: Option<u64>,
    /// The probability that a packet is lost.
    pub loss: f64,
    /// The probability that a packet is duplicated.
    pub duplicate: f64,
    /// The probability that a packet is reordered: delayed behind later ones.
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

/// Counters of one direction of a path, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathCounters {
    /// Delivered packets, with duplicates.
    pub delivered: u64,
    /// Packets lost at random.
    pub lost: u64,
    /// Packets dropped because the queue was full.
    pub overflowed: u64,
    /// Duplicated packets.
    pub duplicated: u64,
    /// Reordered packets.
    pub reordered: u64,
}

/// One direction of a path, with its packets in flight.
#[derive(Debug)]
pub struct PathQueue {
    path: NetworkPath,
    rng: StdRng,
    /// When the last packet will have been sent at the rate of the path.
    busy_until: Duration,
    queued: usize,
    /// Ordered by time of arrival, then by order of acceptance.
    in_flight: BinaryHeap<Reverse<(Duration, u64, Vec<u8>)>>,
    accepted: u64,
    counters: PathCounters,
}

impl PathQueue {
    /// An empty queue; `seed` fixes its random decisions.
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

    /// Adds a packet. A control packet (address resolution) is never lost, duplicated or reordered: its loss would only cost
    /// a second.
    pub fn enqueue(&mut self, now: Duration, packet: Vec<u8>, is_control: bool) {
        let (mut is_duplicated, mut is_reordered) = (false, false);
        if !is_control {
            // Always three random numbers, so that one setting does not change the effect of another.
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

    /// When the next packet arrives; `None` when the queue is empty.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.in_flight.peek().map(|Reverse((arrival, _, _))| *arrival)
    }

    /// The counters so far.
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
