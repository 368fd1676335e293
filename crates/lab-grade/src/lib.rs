//! One verdict for a student and a teacher: cases with points, over the facts and findings of real runs.
//!
//! ```text
//! submission ─► programs ─► lab-testbed: runs ─► facts ─► lab-diagnosis: findings
//! folder, zip   runners                            │          │
//!                                   case table ─► decide ─► verdicts, stories ─► journal ─► table, JSON, JUnit, …
//! ```
//!
//! The grader starts nothing by itself: every run is an experiment of `lab-testbed` under the settings of a [`cases::Variant`].

pub mod cases;
pub mod decide;
pub mod journal;
pub mod output;

pub mod results;
pub mod rules;
pub mod runners;
pub mod story;
pub mod submission;

#[cfg(target_os = "linux")]
pub mod grade;

mod archive;
mod error;
mod excerpt;

pub use error::Error;
