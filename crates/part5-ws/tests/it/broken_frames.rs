//! What RFC 6455 forbids: the client fails the connection.

use crate::played::{PING, Pmu, check_broken_after_one, frame};

fn check_forbidden(frames: impl AsRef<[u8]> + Send + 'static, complaint: &str) {
    let serve = move |mut pmu: Pmu| {
        pmu.send(frames.as_ref());
        pmu.wait_for_end();
    };
    check_broken_after_one(serve, complaint);
}

#[test]
fn a_masked_frame() {
    check_forbidden(b"\x81\x85\0\0\0\0hello", "broke the WebSocket protocol");
}

#[test]
fn a_reserved_bit() {
    check_forbidden(b"\xc1\x05hello", "broke the WebSocket protocol");
    check_forbidden(b"\x91\x05hello", "broke the WebSocket protocol");
}

#[test]
fn a_reserved_opcode() {
    check_forbidden(b"\x83\x05hello", "broke the WebSocket protocol");
    check_forbidden(b"\x8b\x05hello", "broke the WebSocket protocol");
}

#[test]
fn a_continuation_of_nothing() {
    check_forbidden(b"\x80\x05hello", "broke the WebSocket protocol");
}

#[test]
fn a_new_message_within_another() {
    check_forbidden(b"\x01\x05hello\x81\x05world", "broke the WebSocket protocol");
}

#[test]
fn a_control_frame_that_is_fragmented_or_too_long() {
    check_forbidden(b"\x09\x05hello", "broke the WebSocket protocol");
    check_forbidden(frame(PING, &[b'x'; 126]), "broke the WebSocket protocol");
}

#[test]
fn text_that_is_not_utf8() {
    check_forbidden(b"\x81\x05caf\xe9!", "not UTF-8");
    check_forbidden(b"\x81\x02\xf0\x9f", "not UTF-8");
    check_forbidden(b"\x01\x04caf\xc3\x80\x01!", "not UTF-8");
}
