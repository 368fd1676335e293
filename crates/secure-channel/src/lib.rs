//! The secure channel of the lab, built step by step.
#![doc = include_str!("../README.md")]

pub mod channel;
mod error;
pub mod failure;
pub mod frame;
pub mod handshake;
pub mod identity;
pub mod message;
pub mod record;
pub mod steps;
pub mod suite;

mod crypto;
mod schedule;

pub use channel::{Channel, Event, Message, Tally};
pub use error::Error;
pub use failure::{Alert, Failure};
pub use frame::{Frame, Kind};
pub use identity::{Facts, PartyIdentity, Trust};
pub use suite::ChannelSuite;
