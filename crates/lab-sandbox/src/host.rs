//! A host: a thread in a network of its own, with names of its own. What it starts is on that host, too.

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

/// The ports that clients get, of those that IANA leaves to them: so high that no analyser of packets takes one for
/// another protocol's, as it does with some of the system's usual ones.
const CLIENT_PORTS: &str = "61000 65535";

/// How TCP decides how much may be on its way: as the textbooks have it, and as every kernel can. Others, such as BBR, hold
/// packets back by the clock, and small ones become one then.
const CONGESTION_CONTROL: &str = "reno";

type Job = Box<dyn FnOnce() + Send>;

/// A host of a private network. It is gone when this is dropped and all that was started on it has ended.
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
    /// A host that only has itself: its loopback interface, in both families, which also takes multicast.
    ///
    /// # Errors
    /// What the system refused.
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

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does something on this host and waits for it: sockets, threads and programs that it opens or starts are on this
    /// host.
    ///
    /// # Panics
    /// As the job did.
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

    /// The network itself, so that a cable can be laid into it.
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
    // Where /proc is for reading only, these are as they are on this system.
    let _ = fs::write("/proc/sys/net/ipv4/ip_local_port_range", CLIENT_PORTS);
    let _ = fs::write("/proc/sys/net/ipv4/tcp_congestion_control", CONGESTION_CONTROL);
    route::set_up("lo").map_err(Error::io("switch the loopback interface on"))
}
