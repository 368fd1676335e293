//! Measures programs of the lab against what a user would pick instead: two things in turn, and a table.

mod error;
pub mod measure;

pub use error::Error;
