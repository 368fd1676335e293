//! Name resolution of a host: `/etc/hosts` with the lab's names, and no name server.

use std::{
    fmt::Write as _,
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::Error;

/// The server names of the handout. The third is a spelling of the second in one edition.
const SERVERS: [&str; 3] = ["tcpip.epfl.ch", "lab3.iw.epfl.ch", "lab3.iew.epfl.ch"];

/// The entries of a host's `/etc/hosts`: pairs of address and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsFile(Vec<(IpAddr, String)>);

impl HostsFile {
    /// `localhost` at 127.0.0.1 and ::1.
    pub fn localhost() -> Self {
        let both = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        Self(both.map(|address| (address, "localhost".to_owned())).to_vec())
    }

    /// `localhost`, and the lab's server names at 127.0.0.1 and ::1.
    pub fn lab_on_localhost() -> Self {
        Self::localhost().with_lab_servers(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
    }

    /// Adds the lab's server names at these addresses.
    #[must_use]
    pub fn with_lab_servers(self, addresses: &[IpAddr]) -> Self {
        SERVERS.iter().fold(self, |names, server| names.with(server, addresses))
    }

    /// Adds a name at these addresses.
    #[must_use]
    pub fn with(mut self, name: &str, addresses: &[IpAddr]) -> Self {
        self.0.extend(addresses.iter().map(|&address| (address, name.to_owned())));
        self
    }

    /// The text of the file: a line for each address, with its names.
    fn hosts(&self) -> String {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for (address, _) in &self.0 {
            if !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        let mut text = String::new();
        for address in addresses {
            let names = self.0.iter().filter(|(of, _)| *of == address).map(|(_, name)| name.as_str());
            let names: Vec<&str> = names.collect();
            let _ = writeln!(text, "{address} {}", names.join(" "));
        }
        text
    }

    /// Bind-mounts the file over `/etc/hosts`, for this thread and what it starts. Also replaces `nsswitch.conf` and
    /// `resolv.conf`, so that names come from this file only.
    pub(crate) fn mount(&self) -> Result<(), Error> {
        let nothing: Option<&str> = None;
        let tmpfs = tempfile::tempdir().map_err(Error::io("make a folder"))?;
        // The files stay on a tmpfs without being deleted: over a deleted file nothing can be mounted again.
        mount(Some("none"), tmpfs.path(), Some("tmpfs"), MsFlags::empty(), nothing)
            .map_err(Error::system("show other names"))?;
        let bind_file = |path: &str, text: &str| {
            let shown = bind_file(tmpfs.path(), path, text);
            shown.map_err(Error::io(format!("show another {path}")))
        };
        bind_file("/etc/hosts", &self.hosts())?;
        // Only the file is asked: no name server, no name service cache.
        bind_file(
            "/etc/nsswitch.conf",
            "passwd: files\ngroup: files\nshadow: files\nhosts: files\nnetworks: files\nservices: files\nprotocols: files\n",
        )?;
        bind_file("/etc/resolv.conf", "# There is no name server in here.\n")?;
        for folder in ["/run/nscd", "/var/run/nscd"] {
            if Path::new(folder).is_dir() {
                let _ = mount(Some("none"), folder, Some("tmpfs"), MsFlags::empty(), nothing);
            }
        }
        umount2(tmpfs.path(), MntFlags::MNT_DETACH).map_err(Error::system("show other names"))
    }
}

/// Writes a text to a file on the tmpfs and bind-mounts it over `path`, if `path` exists.
fn bind_file(tmpfs: &Path, path: &str, text: &str) -> io::Result<()> {
    // A link may point to a missing file, as /etc/resolv.conf does on some systems.
    let Ok(target) = fs::canonicalize(path) else { return Ok(()) };
    let file = tmpfs.join(Path::new(path).file_name().unwrap_or_default());
    fs::write(&file, text)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    let nothing: Option<&str> = None;
    mount(Some(&file), &target, nothing, MsFlags::MS_BIND, nothing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_line_with_all_its_names() {
        assert_eq!(
            HostsFile::lab_on_localhost().hosts(),
            "127.0.0.1 localhost tcpip.epfl.ch lab3.iw.epfl.ch lab3.iew.epfl.ch\n\
             ::1 localhost tcpip.epfl.ch lab3.iw.epfl.ch lab3.iew.epfl.ch\n"
        );
        let server = [Ipv4Addr::new(10, 9, 0, 43).into()];
        assert!(HostsFile::localhost().with("server", &server).hosts().ends_with("\n10.9.0.43 server\n"));
    }
}
