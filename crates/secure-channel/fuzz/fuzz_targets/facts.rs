//! A certificate from anybody is shown, or not.
#![no_main]

use secure_channel::Facts;

libfuzzer_sys::fuzz_target!(|certificate: &[u8]| {
    let _ = Facts::of(certificate);
});
