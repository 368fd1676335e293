//! The random numbers of each client of the reset server.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use rand::rngs::StdRng;

use crate::ServerSettings;

/// The maximum number of clients that are remembered (ours); 4,096 of them take about 1.5 MB.
const MAX_CLIENTS: usize = 4096;

/// Random numbers for each client, in the order in which the clients came first.
///
/// What a client gets depends on its number and on how many packets it has sent: neither on what other clients send in
/// between, nor on a packet too many of one of them. So a series of resets takes the same number of packets with the same
/// seed, however its programs are mixed.
#[derive(Debug)]
pub(super) struct ClientLuck {
    settings: ServerSettings,
    /// The name of the socket.
    name: String,
    clients: HashMap<SocketAddr, StdRng>,
    /// The clients that are remembered, the oldest first.
    order: VecDeque<SocketAddr>,
    /// How many clients there have been.
    count: u64,
}

impl ClientLuck {
    pub(super) fn new(settings: &ServerSettings, name: &str) -> Self {
        Self {
            settings: settings.clone(),
            name: name.to_owned(),
            clients: HashMap::new(),
            order: VecDeque::new(),
            count: 0,
        }
    }

    /// The random numbers of a client.
    pub(super) fn of(&mut self, client: SocketAddr) -> &mut StdRng {
        if !self.clients.contains_key(&client) {
            if self.order.len() >= MAX_CLIENTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.clients.remove(&oldest);
            }
            self.order.push_back(client);
            self.count += 1;
        }
        let (settings, name, count) = (&self.settings, &self.name, self.count);
        self.clients.entry(client).or_insert_with(|| settings.rng(&format!("{name} client {count}")))
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

    fn luck() -> ClientLuck {
        ClientLuck::new(&ServerSettings { seed: 7, ..ServerSettings::default() }, "reset IPv4")
    }

    /// How many packets all resets take together when the clients take turns in this way: each stops `late` packets after
    /// its acknowledgement. `next` chooses among those that wait.
    fn packets(clients: u16, late: u64, mut next: impl FnMut(usize) -> usize) -> u64 {
        let (mut luck, config, mut total) = (luck(), Config::default(), 0);
        let mut arrive = |port| reply(b"RESET:20", &config, luck.of(address(port))).is_some();
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
        let mut luck = luck();
        let config = Config { loss: 0.0, ..Config::default() };
        let mut ask = |port| reply(b"RESET:1000000", &config, luck.of(address(port)));
        assert_ne!(ask(1), ask(2));
        for port in 3..=4200 {
            ask(port);
        }
        assert!(luck.clients.len() == MAX_CLIENTS && luck.order.len() == MAX_CLIENTS);
        assert!(!luck.clients.contains_key(&address(1)) && luck.clients.contains_key(&address(4200)));
    }
}
