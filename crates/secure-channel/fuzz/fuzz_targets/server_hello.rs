//! A server hello that is accepted is written again as it was.
#![no_main]

use secure_channel::message::ServerHello;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    if let Ok(hello) = ServerHello::decode(body) {
        assert_eq!(hello.encode().unwrap().body(), body);
    }
});
