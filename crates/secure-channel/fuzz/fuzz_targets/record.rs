//! A record by somebody without the keys is refused, and nothing of it is left. The first byte says which suite, the
//! second what kind of record.
#![no_main]

use std::cell::RefCell;

use secure_channel::{Failure, ChannelSuite, frame::Header, record::RecordDecryptor};
use secure_channel_fuzz::established;

thread_local! {
    static DECRYPTORS: RefCell<[RecordDecryptor; 2]> = RefCell::new(ChannelSuite::ALL.map(|suite| established(suite).unwrap().decryptor));
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [suite, kind, body @ ..] = input else { return };
    let Ok(kind) = (*kind).try_into() else { return };
    let mut body = body.to_vec();
    DECRYPTORS.with_borrow_mut(|decryptors| {
        let opened = decryptors[usize::from(suite % 2)].open(Header { kind, len: body.len() }, &mut body);
        assert!(matches!(opened, Err(Failure::Record { number: 0, .. })));
    });
    assert!(body.iter().all(|byte| *byte == 0));
});
