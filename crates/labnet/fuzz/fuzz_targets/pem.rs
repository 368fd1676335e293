//! A file of PEM blocks is read, or refused in words.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| labnet_fuzz::pem(input));
