//! A TLS connection of any bytes is told, and the same however they are cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tls_trace_fuzz::trace(input));
