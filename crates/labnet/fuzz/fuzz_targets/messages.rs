//! A stream of messages says the same however it is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| labnet_fuzz::messages(input));
