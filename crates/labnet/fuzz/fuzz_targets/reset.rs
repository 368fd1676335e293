//! A request or an acknowledgement that is accepted is written again as it was.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| labnet_fuzz::reset(input));
