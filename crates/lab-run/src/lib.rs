//! Benchmarks: programs of the lab and their alternatives, measured in turn, and a table of the results.

mod error;
pub mod measure;

pub use error::Error;
