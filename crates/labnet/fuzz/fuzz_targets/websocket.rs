//! A WebSocket client that sends anything is served or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| labnet_fuzz::websocket(input));
