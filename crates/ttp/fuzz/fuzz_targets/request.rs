//! A file from anybody is shown, or refused in words.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ttp_fuzz::request(input));
