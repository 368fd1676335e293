//! permessage-deflate, the negotiation (RFC 7692, section 7.1), in the header `Sec-WebSocket-Extensions`.
//!
//! ```text
//! client   permessage-deflate; client_max_window_bits        an offer; several, between commas, are in order of preference
//! server   permessage-deflate; server_no_context_takeover    what was agreed on; nothing if no offer is accepted
//! ```

const NAME: &str = "permessage-deflate";

/// What a client of ours offers: any window for what it sends.
pub(super) const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// The largest window, and the one without a parameter, as a power of two.
const MAX_WINDOW_BITS: u8 = 15;

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deflate {
    /// Whether each message of the server begins with an empty window.
    pub(super) server_no_context_takeover: bool,
    /// Whether each message of the client does.
    pub(super) client_no_context_takeover: bool,
    /// The server's window, as a power of two from 8 to 15.
    pub(super) server_max_window_bits: u8,
    /// The client's window.
    pub(super) client_max_window_bits: u8,
}

/// The parameters of an offer or of its acceptance, each at most once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// A client may say that it knows the parameter, and leave the value to the server.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// Reads `; NAME[=VALUE]…`; `None` for what RFC 7692 does not define.
    fn parse<'p>(parameters: impl Iterator<Item = &'p str>) -> Option<Self> {
        let mut found = Self::default();
        for parameter in parameters {
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                None => (parameter.trim(), None),
            };
            let is_new = match (name, value) {
                ("server_no_context_takeover", None) => !std::mem::replace(&mut found.server_no_context_takeover, true),
                ("client_no_context_takeover", None) => !std::mem::replace(&mut found.client_no_context_takeover, true),
                ("server_max_window_bits", Some(bits)) => {
                    found.server_max_window_bits.replace(window_bits(bits)?).is_none()
                }
                ("client_max_window_bits", Some(bits)) => {
                    found.client_max_window_bits.replace(Some(window_bits(bits)?)).is_none()
                }
                ("client_max_window_bits", None) => found.client_max_window_bits.replace(None).is_none(),
                _ => return None,
            };
            if !is_new {
                return None;
            }
        }
        Some(found)
    }
}

/// 8 to 15, without a leading zero (section 7.1.2).
fn window_bits(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|bits| (8..=MAX_WINDOW_BITS).contains(bits))?;
    (!text.starts_with(['0', '+'])).then_some(bits)
}

/// The elements of a list over one or several header lines (RFC 9110, section 5.3).
pub(super) fn elements<'h>(lines: impl Iterator<Item = &'h str>) -> impl Iterator<Item = &'h str> {
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|element| !element.is_empty())
}

/// A server's choice: the first offer that it can accept, and the header that says so.
pub(super) fn accept<'h>(lines: impl Iterator<Item = &'h str>) -> Option<(Deflate, String)> {
    elements(lines).find_map(|offer| {
        let mut parts = offer.split(';');
        if parts.next()?.trim() != NAME {
            return None;
        }
        let offered = Parameters::parse(parts)?;
        let mut answer = NAME.to_owned();
        for (is_asked, name) in [
            (offered.server_no_context_takeover, "server_no_context_takeover"),
            (offered.client_no_context_takeover, "client_no_context_takeover"),
        ] {
            if is_asked {
                answer += &format!("; {name}");
            }
        }
        if let Some(bits) = offered.server_max_window_bits {
            answer += &format!("; server_max_window_bits={bits}");
        }
        let agreed = Deflate {
            server_no_context_takeover: offered.server_no_context_takeover,
            client_no_context_takeover: offered.client_no_context_takeover,
            server_max_window_bits: offered.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS),
            // Ours to set, and we read any.
            client_max_window_bits: MAX_WINDOW_BITS,
        };
        Some((agreed, answer))
    })
}

/// What a client's offer has become: nothing, or what the server answered.
///
/// # Errors
/// The extension that was not offered, or not so.
pub(super) fn confirm<'h>(lines: impl Iterator<Item = &'h str>, is_offered: bool) -> Result<Option<Deflate>, String> {
    let mut agreed = None;
    for element in elements(lines) {
        let not_offered = || element.to_owned();
        let mut parts = element.split(';');
        if !is_offered || agreed.is_some() || parts.next().map(str::trim) != Some(NAME) {
            return Err(not_offered());
        }
        let answered = Parameters::parse(parts).ok_or_else(not_offered)?;
        agreed = Some(Deflate {
            server_no_context_takeover: answered.server_no_context_takeover,
            client_no_context_takeover: answered.client_no_context_takeover,
            server_max_window_bits: answered.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS),
            client_max_window_bits: match answered.client_max_window_bits {
                Some(bits) => bits.ok_or_else(not_offered)?,
                None => MAX_WINDOW_BITS,
            },
        });
    }
    Ok(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Deflate = Deflate {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };

    #[test]
    fn a_server_takes_the_first_offer_that_it_knows() {
        let check = |lines: &[&str], expected: Option<(Deflate, &str)>| {
            let expected = expected.map(|(deflate, answer)| (deflate, answer.to_owned()));
            assert_eq!(accept(lines.iter().copied()), expected, "{lines:?}");
        };
        check(&[], None);
        check(&["x-webkit-deflate-frame"], None);
        check(&["permessage-deflate"], Some((PLAIN, "permessage-deflate")));
        check(&["foo, bar; x=1", "permessage-deflate ; client_max_window_bits"], Some((PLAIN, "permessage-deflate")));
        check(
            &["permessage-deflate; server_no_context_takeover; server_max_window_bits=\"10\""],
            Some((
                Deflate { server_no_context_takeover: true, server_max_window_bits: 10, ..PLAIN },
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=10",
            )),
        );
        check(
            &["permessage-deflate; client_no_context_takeover; client_max_window_bits=9"],
            Some((
                Deflate { client_no_context_takeover: true, ..PLAIN },
                "permessage-deflate; client_no_context_takeover",
            )),
        );
        // What is not defined declines that offer alone.
        for wrong in [
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "client_max_window_bits=",
            "server_no_context_takeover=1",
            "client_no_context_takeover; client_no_context_takeover",
            "unknown",
        ] {
            check(&[&format!("permessage-deflate; {wrong}")], None);
            let both = format!("permessage-deflate; {wrong}, permessage-deflate");
            check(&[&both], Some((PLAIN, "permessage-deflate")));
        }
    }

    #[test]
    fn a_client_takes_only_what_it_offered() {
        let check = |line: &str, is_offered, expected: Result<Option<Deflate>, &str>| {
            let lines = (!line.is_empty()).then_some(line);
            assert_eq!(confirm(lines.into_iter(), is_offered), expected.map_err(str::to_owned), "{line}");
        };
        check("", true, Ok(None));
        check("permessage-deflate", true, Ok(Some(PLAIN)));
        check("permessage-deflate", false, Err("permessage-deflate"));
        check(
            "permessage-deflate; client_max_window_bits=8",
            true,
            Ok(Some(Deflate { client_max_window_bits: 8, ..PLAIN })),
        );
        check("permessage-deflate; client_max_window_bits", true, Err("permessage-deflate; client_max_window_bits"));
        check("permessage-deflate; other", true, Err("permessage-deflate; other"));
        check("permessage-deflate, permessage-deflate", true, Err("permessage-deflate"));
        check("foo", true, Err("foo"));
    }
}
