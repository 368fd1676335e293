//! Facts that can be read are the same when they are written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lab_testbed_fuzz::facts(input));
