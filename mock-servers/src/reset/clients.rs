//! What the reset server keeps of each client: its random numbers, and the faults that it meets.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use rand::rngs::StdRng;

use super::NAME;
use crate::{ClientId, Event, Events, ServerSettings, fault::DatagramFaults};

/// The maximum number of clients that are remembered (ours); 4,096 of them take about 1.5 MB.
const MAX_CLIENTS: usize = 4096;

/// Random numbers and faults for each client, in the order in which the clients came first.
///
/// What a client gets depends on its number and on how many packets it has sent: neither on what other clients send in
/// between, nor on a packet too many of one of them. So a series of resets takes the same number of packets with the same
/// seed, however its programs are mixed.
#[derive(Debug)]
pub(super) struct Clients {
    settings: ServerSettings,
    /// The name of the socket.
    name: String,
    clients: HashMap<SocketAddr, Client>,
    /// The clients that are remembered, the oldest first.
    order: VecDeque<SocketAddr>,
    /// How many clients there have been.
    count: u64,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) rng: StdRng,
    pub(super) faults: DatagramFaults,
}

impl Clients {
    pub(super) fn new(settings: &ServerSettings, name: &str) -> Self {
        Self {
            settings: settings.clone(),
            name: name.to_owned(),
            clients: HashMap::new(),
            order: VecDeque::new(),
            count: 0,
        }
    }

    /// A client. `events` hears of one that is new and meets faults.
    pub(super) fn of(&mut self, address: SocketAddr, events: &Events) -> &mut Client {
        if !self.clients.contains_key(&address) {
            if self.order.len() >= MAX_CLIENTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.clients.remove(&oldest);
            }
            self.order.push_back(address);
            self.count += 1;
        }
        let Self { settings, name, count: number, .. } = self;
        self.clients.entry(address).or_insert_with(|| {
            let faults = settings.faults.for_datagrams(settings.seed, name, NAME, *number);
            if !faults.is_empty() {
                let client = ClientId::new(NAME, address);
                events.report(Event::Faulty { client, number: *number, faults: faults.iter().cloned().collect() });
            }
            Client { rng: settings.rng(&format!("{name} client {number}")), faults }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::reset::{Config, reply};

    fn address(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    fn remembered() -> Clients {
        Clients::new(&ServerSettings { seed: 7, ..ServerSettings::default() }, "reset IPv4")
    }

    /// How many packets all resets take together when the clients take turns in this way: each stops `late` packets after
    /// its acknowledgement. `next` chooses among those that wait.
    fn packets(clients: u16, late: u64, mut next: impl FnMut(usize) -> usize) -> u64 {
        let (mut server, config, mut total) = (remembered(), Config::default(), 0);
        let mut arrive =
            |port| reply(b"RESET:20", &config, &mut server.of(address(port), &Events::default()).rng).is_some();
        let mut waiting: Vec<(u16, bool)> = (0..clients).map(|port| (port, arrive(port))).collect();
        total += u64::from(clients);
        while !waiting.is_empty() {
            let at = next(waiting.len());
            let (port, is_done) = waiting[at];
            if is_done {
                (0..late).for_each(|_| {
                    arrive(port);
                });
                waiting.swap_remove(at);
            } else {
                total += 1;
                waiting[at].1 = arrive(port);
            }
        }
        total
    }

    #[test]
    fn q17_a_series_takes_as_many_packets_in_whatever_order_they_arrive() {
        let in_order = packets(60, 0, |_| 0);
        let backwards = packets(60, 0, |waiting| waiting - 1);
        let mut turn = 0;
        let mixed = packets(60, 0, |waiting| {
            turn += 7;
            turn % waiting
        });
        // On a busy machine an acknowledgement is late, and its client has sent once more.
        let with_late_ones = packets(60, 2, |waiting| waiting / 2);
        assert_eq!([in_order; 3], [backwards, mixed, with_late_ones]);
        assert!((100..220).contains(&in_order), "{in_order}");
    }

    #[test]
    fn clients_differ_and_the_oldest_is_forgotten() {
        let mut clients = remembered();
        let config = Config { loss: 0.0, ..Config::default() };
        let mut ask = |port| reply(b"RESET:1000000", &config, &mut clients.of(address(port), &Events::default()).rng);
        assert_ne!(ask(1), ask(2));
        for port in 3..=4200 {
            ask(port);
        }
        assert!(clients.clients.len() == MAX_CLIENTS && clients.order.len() == MAX_CLIENTS);
        assert!(!clients.clients.contains_key(&address(1)) && clients.clients.contains_key(&address(4200)));
    }
}
