//! The hosts of an experiment, and the path between them.

use lab_sandbox::{Host, HostConfig, HostsFile, Lan, path::NetworkPath};

use crate::{Error, facts::PathCounts};

/// The number of the host on which clients run.
pub const CLIENT: usize = 0;
/// The number of the host on which servers run.
pub const SERVER: usize = 1;
/// The number of a third host, for a proxy or for more senders.
pub const THIRD: usize = 2;

/// The hosts of an experiment.
#[derive(Debug)]
pub enum Topology {
    /// One host with every number. The lab's names are its loopback addresses.
    Single(Host),
    /// Hosts on a switch. The lab's names are the addresses of the server's host.
    Switched(Lan),
}

impl Topology {
    /// One host.
    ///
    /// # Errors
    /// [`Error::Sandbox`] if the system refuses a network.
    pub fn single() -> Result<Self, Error> {
        Host::alone("lab", HostsFile::lab_on_localhost()).map(Self::Single).map_err(Error::from)
    }

    /// Hosts with a path between each two of them; `seed` fixes the random choices of the path.
    ///
    /// # Errors
    /// [`Error::Sandbox`] if the system refuses a network.
    pub fn switched(hosts: &[HostConfig], path: NetworkPath, seed: u64) -> Result<Self, Error> {
        let server = [HostConfig::SERVER.ipv4.into(), HostConfig::SERVER.ipv6.into()];
        Lan::new(hosts, &HostsFile::localhost().with_lab_servers(&server), path, seed)
            .map(Self::Switched)
            .map_err(Error::from)
    }

    /// A host by its number, from 0.
    ///
    /// # Errors
    /// [`Error::NoHost`] when there are fewer.
    pub fn host(&self, number: usize) -> Result<&Host, Error> {
        let host = match self {
            Self::Single(host) => Some(host),
            Self::Switched(lan) => lan.host(number),
        };
        host.ok_or(Error::NoHost { number })
    }

    /// The host on which clients run.
    ///
    /// # Errors
    /// Those of [`host`](Self::host).
    pub fn client(&self) -> Result<&Host, Error> {
        self.host(CLIENT)
    }

    /// The host on which servers run.
    ///
    /// # Errors
    /// Those of [`host`](Self::host).
    pub fn server(&self) -> Result<&Host, Error> {
        self.host(SERVER)
    }

    /// The interface to the other hosts; its name is the same on each host.
    pub fn interface(&self) -> &'static str {
        match self {
            Self::Single(_) => "lo",
            Self::Switched(_) => Lan::interface(),
        }
    }

    /// The counters of the path from one host to another; zero without a path.
    pub(crate) fn path_counts(&self, from: usize, to: usize) -> PathCounts {
        let counters = match self {
            Self::Single(_) => Vec::new(),
            Self::Switched(lan) => lan.counters(),
        };
        let pairs = counters.into_iter().filter(|pair| (pair.from, pair.to) == (from, to));
        pairs.fold(PathCounts::default(), |sum, pair| PathCounts {
            lost: sum.lost + pair.counters.lost + pair.counters.overflowed,
            duplicated: sum.duplicated + pair.counters.duplicated,
        })
    }
}
