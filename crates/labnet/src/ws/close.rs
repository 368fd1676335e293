//! Close frames (RFC 6455, section 5.5.1).
//!
//! ```text
//! payload: nothing, or 2 bytes of status, then up to 123 bytes of reason in UTF-8
//! ```

use super::violation::Violation;

/// The answer has ended (section 7.4.1, as all of these).
pub(super) const NORMAL: u16 = 1000;
/// The peer goes away: a server that ends, a browser that leaves the page.
pub(super) const GOING_AWAY: u16 = 1001;
pub(super) const PROTOCOL_ERROR: u16 = 1002;
/// Data that does not fit its type, such as text that is not UTF-8.
pub(super) const INVALID_PAYLOAD: u16 = 1007;
pub(super) const POLICY_VIOLATION: u16 = 1008;
pub(super) const TOO_BIG: u16 = 1009;

/// A close frame with a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloseFrame {
    pub(super) status: u16,
    pub(super) reason: String,
}

impl CloseFrame {
    /// Reads a payload; `None` is a close frame without a status.
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, Violation> {
        let Some((status, reason)) = payload.split_first_chunk() else {
            return if payload.is_empty() { Ok(None) } else { Err(Violation::CloseTooShort) };
        };
        let status = u16::from_be_bytes(*status);
        if !may_be_sent(status) {
            return Err(Violation::CloseStatus(status));
        }
        let reason = str::from_utf8(reason).map_err(|_| Violation::ReasonNotUtf8)?;
        Ok(Some(Self { status, reason: reason.to_owned() }))
    }
}

/// The payload of a close frame.
pub(super) fn payload(status: u16, reason: &str) -> Vec<u8> {
    [&status.to_be_bytes(), reason.as_bytes()].concat()
}

/// Whether an endpoint may send a status: those of RFC 6455, section 7.4, and of IANA's registry (1012 to 1014) that are
/// not for local use only, and those of libraries and programs.
fn may_be_sent(status: u16) -> bool {
    matches!(status, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<Option<(u16, &str)>, Violation>) {
        let expected =
            expected.map(|frame| frame.map(|(status, reason)| CloseFrame { status, reason: reason.to_owned() }));
        assert_eq!(CloseFrame::parse(bytes), expected, "{bytes:02x?}");
    }

    #[test]
    fn a_status_and_a_reason() {
        check(b"", Ok(None));
        check(b"\x03\xe8", Ok(Some((1000, ""))));
        check("\x03\u{f6}".as_bytes(), Err(Violation::CloseStatus(0x03c3)));
        check(&payload(4999, "à bientôt"), Ok(Some((4999, "à bientôt"))));
    }

    #[test]
    fn what_nobody_may_send() {
        check(b"\x03", Err(Violation::CloseTooShort));
        check(b"\x03\xe8\xff", Err(Violation::ReasonNotUtf8));
        for status in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
            check(&status.to_be_bytes(), Err(Violation::CloseStatus(status)));
        }
        for status in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999_u16] {
            check(&status.to_be_bytes(), Ok(Some((status, ""))));
        }
    }
}
