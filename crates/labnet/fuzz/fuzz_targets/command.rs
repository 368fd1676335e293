//! A command is the same whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| labnet_fuzz::command(input));
