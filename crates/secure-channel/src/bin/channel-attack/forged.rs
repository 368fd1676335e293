//! The certificates that an attacker has: of a CA of its own, of somebody else, or one that was good once.

use std::path::Path;

use labnet::tls;
use secure_channel::{
    Error, Frame,
    identity::{CLIENT, SERVER},
    message::Certificate,
};
use ttp::{CaDirectory, CaOptions, CertificateOptions, KeyKind};

use crate::attacker::Attack;

/// The certificate message that takes the place of the server's; `None` for an attack without one.
pub(crate) fn certificate(attack: Attack, folder: &Path) -> Result<Option<Frame>, Error> {
    let workshop = || tempfile::tempdir().map_err(|source| labnet::Error::System { attempt: "make a folder", source });
    let chain = match attack {
        Attack::SwapOtherCa => {
            let workshop = workshop()?;
            // It bears the same name as the CA that is trusted; that costs nothing.
            let directory = CaDirectory::new(workshop.path());
            directory.init(&CaOptions::default(), false)?;
            directory.issue(SERVER, KeyKind::default(), None, &CertificateOptions::default())?;
            tls::read_certificates(&directory.certificate(SERVER))?
        }
        // Everybody has seen it: the client shows it in every handshake.
        Attack::SwapOwn => tls::read_certificates(&CaDirectory::new(folder).certificate(CLIENT))?,
        Attack::SwapExpired => {
            // Signed by the CA that is trusted, for a day that is over: a stolen key whose certificate has run out.
            let workshop = workshop()?;
            let request = CaDirectory::new(workshop.path()).request(
                SERVER,
                KeyKind::default(),
                None,
                &CertificateOptions::default(),
            )?;
            let expired = CertificateOptions { starts_in: -30, days: 1, ..CertificateOptions::default() };
            tls::read_certificates(&CaDirectory::new(folder).sign(&request, &expired)?.path)?
        }
        _ => return Ok(None),
    };
    let frame = Certificate { chain }.encode();
    let bad = |failure| labnet::Error::Usage(format!("the certificate in {}: {failure}", folder.display()));
    Ok(Some(frame.map_err(bad)?))
}
