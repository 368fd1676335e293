//! The certificate authority of the lab: the CA of part 6, and the trusted third party of the secure channel.
//!
//! ```text
//! DIR/cacert.pem  DIR/cakey.pem      init: who signs
//! NAME_key.pem    NAME.csr           request: a key, and what its owner asks for
//! NAME_cert.pem                      sign: what the CA vouches for
//! ```
//!
//! Certificates follow RFC 5280 and, where a lab can, the Baseline Requirements of the CA/Browser Forum. The CA of
//! the lab may only vouch for names that exist nowhere else, so that trusting it does little harm.

mod ca_directory;
mod error;
mod faithful;
mod files;
mod issuing_ca;
mod name;
mod profile;
mod purpose;
mod request;
mod show;

pub use ca_directory::{CaDirectory, CaOptions, CertificateOptions, Issued};
pub use error::Error;
pub use issuing_ca::{IssuedChain, IssuingCa};
pub use name::Name;
pub use profile::{KeyKind, Purpose, SignatureHash};
pub use show::{facts, show};
