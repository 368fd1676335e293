//! Part 6, the PMU: as its clients see it, among clients that do no good, and with the files it is started with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
// Tests that need Linux are left out elsewhere, not what they have in common.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod credentials; // The certificate and the key.
mod handout; // Messages, suites, other clients, beginning and end (Q25 to Q28).
mod hostile; // Clients that are many, slow, rude or gone.

const PMU: &str = env!("CARGO_BIN_EXE_part6-pmu");

/// The ten messages of `CMD_short:0`.
const TEN: &str = "This is PMU data 1This is PMU data 2This is PMU data 3This is PMU data 4This is PMU data 5\
                   This is PMU data 6This is PMU data 7This is PMU data 8This is PMU data 9This is PMU data 10";
