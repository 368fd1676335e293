//! `lab-grade` as its users see it: programs, submissions, classes, and what it stands up to.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod arguments; // Wrong command lines, folders that are somebody else's.
mod confined; // Programs that try what no program may.
mod gradescope; // What Gradescope runs.
mod grading; // A grading as a user makes it.
mod hostile; // Submissions that mean harm.
mod interrupted; // kill -9, and going on.
mod notes; // What stands out about a submission.
mod pages; // The pages of a class and of its submissions.
mod right; // Right programs have all points.
mod shards; // A class on several machines.
mod wrong; // Wrong programs, each by its name.
