//! What all servers of one run share: where they bind, what they allow, whom they tell, and their dice.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use rand::{SeedableRng, rngs::StdRng};

use labnet::net::Limits;

/// The surroundings of a server.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where to bind: by default the loopback addresses of both families.
    pub bind: Vec<IpAddr>,
    /// What clients are allowed.
    pub limits: Limits,
    /// Who hears of what happens; by default nobody.
    pub events: Events,
    /// Fixes every random choice.
    pub seed: u64,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            bind: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            limits: Limits::default(),
            events: Events::default(),
            seed: 0,
        }
    }
}

impl Site {
    /// The dice of one server, or of one part of it: independent of all others, the same for the same seed.
    pub(crate) fn dice(&self, of: &str) -> StdRng {
        StdRng::seed_from_u64(labnet::seed::named(self.seed, of))
    }

    /// The addresses of IPv4 alone.
    pub(crate) fn bind_ipv4(&self) -> Vec<IpAddr> {
        self.bind.iter().copied().filter(IpAddr::is_ipv4).collect()
    }
}

/// Where servers report what happens: one line each, beginning with the server's name.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(String) + Send + Sync>);

impl Events {
    /// Calls `report` from the server's threads.
    pub fn new(report: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// What one server calls to report.
    pub(crate) fn reporter(&self, server: &'static str) -> impl Fn(&str) + Clone + Send + Sync + 'static {
        let events = self.clone();
        move |event| events.report(server, event)
    }

    pub(crate) fn report(&self, server: &str, event: impl fmt::Display) {
        (self.0)(format!("{server} {event}"));
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new(drop)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
