//! Errors of private networks.

use std::io;

/// Why there is no private network, or what failed in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system does not permit the namespaces.
    #[error("this system gives no private network to {who}: cannot {attempt}: {source}")]
    Forbidden {
        /// `this user` or `root`.
        who: &'static str,
        /// What was refused.
        attempt: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A system call failed in a private network.
    #[error("cannot {attempt} in a private network: {source}")]
    System {
        /// What was attempted.
        attempt: String,
        /// The system's reason.
        source: io::Error,
    },
    /// This system has no Linux namespaces.
    #[error("private networks need Linux")]
    NotLinux,
    /// The reason that the probe of [`probe`](crate::probe) wrote.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    /// What the user can do, and what works without a private network.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Forbidden { .. } | Self::Refused(_) => Some(
                "on Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container: \
                 --security-opt seccomp=unconfined, or run it outside. Without one, `--stats` of the parts still counts \
                 recv calls and TCP segments, and files of tcpdump or Wireshark can be counted and shown",
            ),
            Self::NotLinux => {
                Some("`--stats` of the parts counts recv calls; files of Wireshark can be counted and shown")
            }
            Self::System { .. } => None,
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn system(attempt: impl Into<String>) -> impl FnOnce(nix::errno::Errno) -> Self {
        let attempt = attempt.into();
        move |errno| Self::System { attempt, source: errno.into() }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn io(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let attempt = attempt.into();
        move |source| Self::System { attempt, source }
    }
}
