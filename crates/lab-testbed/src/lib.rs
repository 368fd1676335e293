//! One run as data: programs, a network, servers and witnesses in; facts out.

#[cfg(target_os = "linux")]
pub mod capture;
mod error;

pub use error::Error;
