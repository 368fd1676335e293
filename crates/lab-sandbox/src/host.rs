//! A host: a thread with its own network and mount namespaces. What the thread starts belongs to the same host.

use std::{
    fmt,
    fs::{self, File},
    io,
    net::Ipv4Addr,
    panic,
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
};

use nix::sched::{CloneFlags, unshare};

use crate::{Error, HostsFile, route};

/// The ephemeral ports of clients. Packet analysers take some of the system's default ports for known protocols; none of
/// these.
const CLIENT_PORTS: &str = "61000 65535";

/// TCP's congestion control: the textbook algorithm, which every kernel has. BBR, for example, paces packets with a timer,
/// so that small writes are merged.
const CONGESTION_CONTROL: &str = "reno";

type Job = Box<dyn FnOnce() + Send>;

/// A host of a private network. It exists until this is dropped and everything that was started on it has ended.
pub struct Host {
    name: String,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.name)
    }
}

impl Host {
    /// A host with a loopback interface only, for IPv4, IPv6 and IPv4 multicast.
    ///
    /// # Errors
    /// [`Error::System`] with what the system refused.
    pub fn alone(name: &str, hosts_file: HostsFile) -> Result<Self, Error> {
        let host = Self::new(name, hosts_file)?;
        host.run(|| route::add_multicast_route("lo", Ipv4Addr::LOCALHOST)).map_err(Error::io("route multicast"))?;
        Ok(host)
    }

    /// A host with its loopback interface.
    pub(crate) fn new(name: &str, hosts_file: HostsFile) -> Result<Self, Error> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (report, settled) = mpsc::channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let is_ready = configure(&hosts_file);
            let go_on = is_ready.is_ok();
            let _ = report.send(is_ready);
            if go_on {
                inbox.into_iter().for_each(|job| job());
            }
        });
        let thread = thread.map_err(Error::io("start a host"))?;
        let gone = || Error::io("start a host")(io::ErrorKind::BrokenPipe.into());
        settled.recv().unwrap_or_else(|_| Err(gone()))?;
        Ok(Self { name: name.to_owned(), jobs: Some(jobs), thread: Some(thread) })
    }

    /// The name of the host.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a closure on this host and waits for its result. Sockets, threads and programs that it creates belong to this
    /// host.
    ///
    /// # Panics
    /// When the closure panics, with the same payload.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (report, result) = mpsc::channel();
        let job: Job = Box::new(move || {
            let _ = report.send(panic::catch_unwind(panic::AssertUnwindSafe(job)));
        });
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
        match result.recv() {
            Ok(Ok(result)) => result,
            Ok(Err(cause)) => panic::resume_unwind(cause),
            // The thread ends with its inbox only, which is ours.
            Err(_) => unreachable!("the host is there as long as its handle"),
        }
    }

    /// The network namespace, as a file: an interface can be moved into it.
    pub(crate) fn network(&self) -> Result<File, Error> {
        self.run(|| File::open("/proc/thread-self/ns/net")).map_err(Error::io("find a host's network"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn configure(hosts_file: &HostsFile) -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).map_err(Error::system("make a host"))?;
    hosts_file.mount()?;
    // With a read-only /proc the system's own values stay.
    let _ = fs::write("/proc/sys/net/ipv4/ip_local_port_range", CLIENT_PORTS);
    let _ = fs::write("/proc/sys/net/ipv4/tcp_congestion_control", CONGESTION_CONTROL);
    route::set_up("lo").map_err(Error::io("switch the loopback interface on"))
}
