//! The zoo: TLS servers on one port, each of a name of its own (SNI decides) and with one thing wrong.
//!
//! All certificates are made at start, under a CA of their own, so that none expires by accident; only the CA's
//! certificate is written to a file. Keys and serial numbers are new each time, whatever the seed. What there is, and
//! what a client should say to it, is one table: [`cases`].
//!
//! ```text
//! case, table          what there is: the type of a case, and all of them
//! certificates         how each certificate is made
//! issuers              the CA, the other CAs, and the keys of the servers
//! certificate_builder  a certificate before it is signed; der encodes it
//! defects              what breaks the protocol
//! server               one client, from its ClientHello to the close
//! ```

mod case;
mod certificate_builder;
mod certificates;
mod defects;
mod der;
mod issuers;
mod server;
mod table;

pub use case::{Case, Class, DetectedBy, Expectation, Opinion, Phase};

use std::{
    fs,
    path::{Path, PathBuf},
};

use labnet::{
    Error,
    file::{self, Permissions},
    net::Running,
};

use crate::{ServerName, ServerSettings};
use issuers::Issuers;
use server::Zoo;

pub(crate) const NAME: ServerName = ServerName::Zoo;

/// The name of a server with which nothing is wrong.
pub const GOOD: &str = "good.test";

/// The case of a client that sends no SNI.
pub const NAMELESS: &str = "127.0.0.1";

/// A zoo.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port; 0 picks a free one.
    pub port: u16,
    /// Where the certificate of its CA is written, in PEM; the folder is made if need be.
    pub ca: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { port: 4443, ca: "certs/zoo_cacert.pem".into() }
    }
}

/// Everything there is in the zoo, in the order of `--list`.
pub fn cases() -> &'static [Case] {
    table::CASES
}

/// Makes the certificates, writes that of the CA to its file, and starts the zoo on the addresses of the settings.
///
/// # Errors
/// [`Error::Listen`]; [`Error::File`] for the CA's file; [`Error::System`] for what cannot be made.
pub fn spawn(config: &Config, settings: &ServerSettings) -> Result<Running, Error> {
    let issuers = Issuers::new()?;
    let zoo = Zoo::open(&issuers)?;
    let listeners = settings.listen(NAME, &settings.bind, config.port)?;
    write(&config.ca, &der::pem(&issuers.ca.certificate))?;
    settings
        .serve_blocking(NAME, listeners, move |stream, peer, _, limits, clock| zoo.serve(stream, peer, limits, clock))
}

/// Writes a file that everyone may read, whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::create_dir_all(file::folder_of(path))
        .and_then(|()| file::replace(path, text.as_bytes(), Permissions::Everyone))
        .map_err(|source| Error::File { attempt: "write", path: path.display().to_string(), source })
}
