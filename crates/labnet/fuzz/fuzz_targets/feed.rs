//! A datagram of the group is shown without a control byte; lines become datagrams that fit.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| labnet_fuzz::feed(input));
