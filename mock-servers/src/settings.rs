//! What all servers of one run share: where they bind, what clients are allowed, who hears of events, and the seed.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng};

use labnet::{
    Error,
    net::{self, ClientLimits, ClientStream, Clock, Connection, End, Family, Running, ScopedIp, SystemClock, Wake},
};

use crate::{
    ClientId, Event, Events, ServerName,
    fault::{Fault, FaultRules},
};

/// What all servers of one run share.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to bind: by default the loopback addresses of both families.
    pub bind: Vec<ScopedIp>,
    /// What clients are allowed.
    pub limits: ClientLimits,
    /// Who hears of what happens; by default nobody.
    pub events: Events,
    /// Fixes every random choice.
    pub seed: u64,
    /// What the servers do wrong on purpose.
    pub faults: FaultRules,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            bind: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            limits: ClientLimits::default(),
            events: Events::default(),
            seed: 0,
            faults: FaultRules::default(),
        }
    }
}

impl ServerSettings {
    /// The random generator of one server, or of one part of it: independent of all others, the same for the same seed.
    pub(crate) fn rng(&self, of: &str) -> StdRng {
        StdRng::seed_from_u64(labnet::seed::named(self.seed, of))
    }

    /// The addresses of IPv4 alone.
    pub(crate) fn bind_ipv4(&self) -> Vec<ScopedIp> {
        self.bind.iter().copied().filter(|address| address.ip().is_ipv4()).collect()
    }

    /// Refuses to start a server that is served over one family alone, and has no address of it.
    pub(crate) fn need_address(&self, server: ServerName, family: Family, addresses: &[ScopedIp]) -> Result<(), Error> {
        if !addresses.is_empty() {
            return Ok(());
        }
        let bind: Vec<_> = self.bind.iter().map(ToString::to_string).collect();
        let bind = bind.join(", ");
        Err(Error::Usage(format!(
            "{server} is served over {family} alone, and --bind has none of its addresses: {bind}"
        )))
    }

    /// Opens the sockets of a server over TCP.
    pub(crate) fn listen(
        &self,
        server: ServerName,
        addresses: &[ScopedIp],
        port: u16,
    ) -> Result<Vec<TcpListener>, Error> {
        net::listen_each(addresses, port, self.events.of_serve(server))
    }

    /// Serves them, with a thread for each client: `handler` serves one, with the faults that it meets, and yields what there
    /// is to report of it.
    pub(crate) fn serve_blocking(
        &self,
        server: ServerName,
        listeners: Vec<TcpListener>,
        handler: impl Fn(TcpStream, SocketAddr, &[Fault], &ClientLimits, &dyn Clock) -> Event + Send + Sync + 'static,
    ) -> Result<Running, Error> {
        if self.faults.refuses_all(server) {
            return refuse(listeners);
        }
        let Self { limits, events, faults, seed, .. } = self.clone();
        let clients = AtomicU64::new(0);
        net::serve(listeners, &self.limits, self.events.of_serve(server), move |stream, peer, clock| {
            let number = clients.fetch_add(1, Ordering::Relaxed) + 1;
            let faults = faults.for_client(seed, server, number);
            if !faults.is_empty() {
                events.report(Event::Faulty { client: ClientId::new(server, peer), number, faults: faults.clone() });
            }
            for fault in &faults {
                match *fault {
                    Fault::Refuse => return Connection::new(stream, peer).finish(End::Reset),
                    Fault::UnusedConnection => return net::close(stream),
                    Fault::AcceptLate(duration) => drop(clock.pause(duration)),
                    _ => {}
                }
            }
            events.report(handler(stream, peer, &faults, &limits, clock));
        })
    }

    /// Serves them, with a few threads for all clients: `handler` serves one, without blocking, and yields what there is
    /// to report of it.
    pub(crate) fn serve<F: Future<Output = Event> + 'static>(
        &self,
        server: ServerName,
        listeners: Vec<TcpListener>,
        handler: impl Fn(Connection, Service) -> F + Clone + Send + Sync + 'static,
    ) -> Result<Running, Error> {
        if self.faults.refuses_all(server) {
            return refuse(listeners);
        }
        let clock = SystemClock::default();
        let common = Arc::new((self.limits.clone(), clock.clone()));
        let Self { events, faults, seed, .. } = self.clone();
        crate::workers::serve(
            listeners,
            &self.limits,
            clock,
            self.events.of_serve(server),
            move |connection, number| {
                let faults = faults.for_client(seed, server, number);
                let (service, events, handler) =
                    (Service { common: Arc::clone(&common), faults }, events.clone(), handler.clone());
                async move {
                    // In boxes: a future that awaits another one has room for it twice.
                    if let Some(connection) = Box::pin(service.meet(server, connection, number, &events)).await {
                        events.report(Box::pin(handler(connection, service)).await);
                    }
                }
            },
        )
    }
}

/// What a client is served with.
#[derive(Debug)]
pub(crate) struct Service {
    /// What all clients of a server have in common.
    common: Arc<(ClientLimits, SystemClock)>,
    faults: Vec<Fault>,
}

impl Service {
    /// What a client is allowed.
    pub(crate) fn limits(&self) -> &ClientLimits {
        &self.common.0
    }

    /// The clock of the server.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &self.common.1
    }

    /// The faults that the client meets.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The faults of a connection that come before its protocol; `None` when they end it.
    async fn meet(
        &self,
        server: ServerName,
        mut connection: Connection,
        number: u64,
        events: &Events,
    ) -> Option<Connection> {
        if !self.faults.is_empty() {
            let client = ClientId::new(server, connection.peer());
            events.report(Event::Faulty { client, number, faults: self.faults.clone() });
        }
        for fault in &self.faults {
            match *fault {
                Fault::Refuse => {
                    connection.finish_async(End::Reset).await;
                    return None;
                }
                Fault::UnusedConnection => {
                    connection.finish_async(End::Fin).await;
                    return None;
                }
                Fault::AcceptLate(duration) => {
                    // A client that is gone is noticed when it is served.
                    let _ = connection.wait(duration, self.clock()).await;
                }
                _ => {}
            }
        }
        Some(connection)
    }
}

/// Sockets that keep their ports and do not listen: the system refuses whoever connects.
fn refuse(listeners: Vec<TcpListener>) -> Result<Running, Error> {
    /// How long the thread that holds them sleeps at once.
    const HOUR: Duration = Duration::from_secs(3600);
    let clock = SystemClock::default();
    let mut running = Running::new(clock.clone());
    let mut sockets = Vec::new();
    for listener in listeners {
        let address = listener.local_addr().map_err(|source| Error::System { attempt: "name a socket", source })?;
        drop(listener);
        sockets.push(net::bind_closed(address)?);
        running.add_address(address);
    }
    running.add_thread("refuse", Wake::ByItself, move || {
        while clock.pause(HOUR) {}
        drop(sockets);
    })?;
    Ok(running)
}
