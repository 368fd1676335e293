//! A certificate message that is accepted is written again as it was.
#![no_main]

use secure_channel::message::Certificate;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    if let Ok(certificate) = Certificate::decode(body) {
        assert_eq!(certificate.encode().unwrap().body(), body);
    }
});
