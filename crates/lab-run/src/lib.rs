//! Benchmarks: programs of the lab and their alternatives, measured in turn, and a table of the results. And archives of
//! programs, for those who hand them in and those who grade.

mod error;
pub mod measure;
pub mod package;

pub use error::Error;
