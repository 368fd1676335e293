//! What RFC 6455 forbids: the client fails the connection.

use crate::played::{PING, Pmu, check_broken_after_one, frame};

/// The client says what was wrong, in a close frame, before it closes TCP (RFC 6455, section 7.1.7); the same when the
/// frames come a byte at a time.
fn check_forbidden(frames: impl AsRef<[u8]>, status: u16, complaint: &str) {
    for piece in [1, usize::MAX] {
        let frames = frames.as_ref().to_vec();
        let serve = move |mut pmu: Pmu| {
            // What follows the forbidden byte may find the client gone.
            frames.chunks(piece.min(frames.len())).for_each(|piece| pmu.send(piece));
            pmu.expect_close(status);
            pmu.wait_for_end();
        };
        check_broken_after_one(serve, complaint);
    }
}

#[test]
fn a_masked_frame() {
    check_forbidden(b"\x81\x85\0\0\0\0hello", 1002, "broke the WebSocket protocol: ");
}

#[test]
fn a_reserved_bit() {
    check_forbidden(b"\xc1\x05hello", 1002, "broke the WebSocket protocol: ");
    check_forbidden(b"\x91\x05hello", 1002, "broke the WebSocket protocol: ");
}

#[test]
fn a_reserved_opcode() {
    check_forbidden(b"\x83\x05hello", 1002, "broke the WebSocket protocol: ");
    check_forbidden(b"\x8b\x05hello", 1002, "broke the WebSocket protocol: ");
}

#[test]
fn a_continuation_of_nothing() {
    check_forbidden(b"\x80\x05hello", 1002, "broke the WebSocket protocol: ");
}

#[test]
fn a_new_message_within_another() {
    check_forbidden(b"\x01\x05hello\x81\x05world", 1002, "broke the WebSocket protocol: ");
}

#[test]
fn a_control_frame_that_is_fragmented_or_too_long() {
    check_forbidden(b"\x09\x05hello", 1002, "broke the WebSocket protocol: ");
    check_forbidden(frame(PING, &[b'x'; 126]), 1002, "broke the WebSocket protocol: ");
}

#[test]
fn a_length_in_more_bytes_than_it_needs() {
    check_forbidden(b"\x82\x7e\x00\x05hello", 1002, "its length of 5 in more bytes");
    check_forbidden(b"\x82\x7f\0\0\0\0\0\0\0\x05hello", 1002, "its length of 5 in more bytes");
    check_forbidden(b"\x82\x7f\x80\0\0\0\0\0\0\x05", 1002, "2^63");
}

#[test]
fn text_that_is_not_utf8() {
    check_forbidden(b"\x81\x05caf\xe9!", 1007, "sent a text message that is not UTF-8");
    check_forbidden(b"\x81\x02\xf0\x9f", 1007, "sent a text message that is not UTF-8");
    check_forbidden(b"\x01\x04caf\xc3\x80\x01!", 1007, "sent a text message that is not UTF-8");
}
