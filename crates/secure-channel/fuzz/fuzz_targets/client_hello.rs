//! A client hello that is accepted is written again as it was.
#![no_main]

use secure_channel::message::ClientHello;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    if let Ok(hello) = ClientHello::decode(body) {
        assert_eq!(hello.encode().unwrap().body(), body);
        let _ = hello.choose();
    }
});
