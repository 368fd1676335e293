//! Extensions: `type u16 ‖ length u16 ‖ data`, one after the other (section 4.2).

use super::{
    details::{Details, bytes, hex, list, text},
    messages::distinguished_name,
    names,
    reader::{Reader, items, u16s, vec8s, vec16s},
};

/// How many extensions of one message are told (ours): a browser sends about twenty.
const MAX_SHOWN: usize = 64;

/// Where extensions stand: some have another form in each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    ClientHello,
    ServerHello,
    HelloRetryRequest,
    /// Anywhere else.
    Other,
}

/// Adds every extension by its name, with what it says.
pub(super) fn add(details: &mut Details, place: Place, extensions: &[u8]) {
    let Some(found) = split(extensions) else {
        details.add("extensions", unreadable(extensions));
        return;
    };
    details.add("extensions", list(found.iter().map(|(number, _)| names::extension(*number))));
    for (number, data) in found.into_iter().take(MAX_SHOWN) {
        let value = value(number, data, place).unwrap_or_else(|| unreadable(data));
        details.add(format!("extension {}", names::extension(number)), value);
    }
}

/// The data of one extension, if it is there.
pub(super) fn find(extensions: &[u8], wanted: u16) -> Option<&[u8]> {
    split(extensions)?.into_iter().find(|(number, _)| *number == wanted).map(|(_, data)| data)
}

/// What is shown in the place of something that cannot be read.
pub(super) fn unreadable(data: &[u8]) -> String {
    format!("cannot be read: {}", hex(data))
}

fn split(extensions: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    items(extensions, |reader| Some((reader.u16()?, reader.vec16()?)))
}

/// What an extension says; `None` when it has not the form that it should.
fn value(number: u16, data: &[u8], place: Place) -> Option<String> {
    match (number, place) {
        (0, Place::ClientHello) => server_names(data),
        // The certificate's owner saw the name and used it (RFC 6066, section 3).
        (0, _) if data.is_empty() => Some("accepted".to_owned()),
        (5, Place::ClientHello) => Some(if data.first() == Some(&1) { "OCSP".to_owned() } else { hex(data) }),
        (10, _) => u16s(whole16(data)?).map(|groups| list(groups.into_iter().map(names::group))),
        (11, _) => Some(list(whole8(data)?.iter().map(|format| names::point_format(*format)))),
        (13 | 50, _) => u16s(whole16(data)?).map(|schemes| list(schemes.into_iter().map(names::scheme))),
        (16, _) => vec8s(whole16(data)?).map(|names| list(names.into_iter().map(text))),
        (27, _) => u16s(whole8(data)?).map(|ways| list(ways.into_iter().map(names::compression))),
        (28, _) => whole(data, Reader::u16).map(|limit| bytes(limit.into())),
        (41, Place::ClientHello) => pre_shared_keys(data),
        (41, _) => whole(data, Reader::u16).map(|index| format!("identity {index}")),
        (42, Place::Other) if !data.is_empty() => whole(data, Reader::u32).map(|most| format!("at most {most} bytes")),
        (43, Place::ClientHello) => u16s(whole8(data)?).map(|versions| list(versions.into_iter().map(names::version))),
        (43, _) => whole(data, Reader::u16).map(names::version),
        (45, _) => Some(list(whole8(data)?.iter().map(|mode| names::psk_mode(*mode)))),
        (47, _) => vec16s(whole16(data)?).map(|names| list(names.into_iter().map(distinguished_name))),
        (51, _) => key_shares(data, place),
        // Nothing is renegotiated (RFC 5746, section 3.2).
        (0xff01, _) if data == [0] => Some("(empty)".to_owned()),
        _ => Some(opaque(data)),
    }
}

/// The content of a vector that is all there is.
fn whole16(data: &[u8]) -> Option<&[u8]> {
    whole(data, Reader::vec16)
}

fn whole8(data: &[u8]) -> Option<&[u8]> {
    whole(data, Reader::vec8)
}

/// Something that is all there is.
fn whole<'a, T>(data: &'a [u8], read: impl Fn(&mut Reader<'a>) -> Option<T>) -> Option<T> {
    let mut reader = Reader::new(data);
    let value = read(&mut reader)?;
    reader.end()?;
    Some(value)
}

fn opaque(data: &[u8]) -> String {
    if data.is_empty() { "(empty)".to_owned() } else { hex(data) }
}

/// The names that a client asks for; only one kind was ever defined (RFC 6066, section 3).
fn server_names(data: &[u8]) -> Option<String> {
    let names = items(whole16(data)?, |reader| Some((reader.u8()?, reader.vec16()?)))?;
    let shown: Vec<String> = names.into_iter().take(MAX_SHOWN).map(|(_, name)| text(name)).collect();
    Some(shown.join(", "))
}

/// The groups, and how long each public key is (section 4.2.8).
fn key_shares(data: &[u8], place: Place) -> Option<String> {
    fn share(reader: &mut Reader<'_>) -> Option<String> {
        let (group, key) = (reader.u16()?, reader.vec16()?);
        Some(format!("{} ({})", names::group(group), bytes(key.len())))
    }
    match place {
        Place::ClientHello => items(whole16(data)?, share).map(list),
        Place::HelloRetryRequest => {
            whole(data, Reader::u16).map(|group| format!("{} is asked for", names::group(group)))
        }
        Place::ServerHello | Place::Other => whole(data, share),
    }
}

/// How many earlier sessions a client would resume (section 4.2.11).
fn pre_shared_keys(data: &[u8]) -> Option<String> {
    let mut reader = Reader::new(data);
    let tickets = items(reader.vec16()?, |reader| {
        let ticket = reader.vec16()?;
        reader.u32()?;
        Some(format!("a ticket of {}", bytes(ticket.len())))
    })?;
    vec8s(reader.vec16()?)?;
    reader.end()?;
    Some(list(tickets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(place: Place, extension: &[u8], expected: &[(&str, &str)]) {
        let mut details = Details::default();
        add(&mut details, place, extension);
        let found = details.into_inner();
        let found: Vec<(&str, &str)> = found.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_peers_choose_is_escaped() {
        let extension = [&[0, 16, 0, 8, 0, 6, 2][..], b"h2", &[2], b"\x1b["].concat();
        let name = "application_layer_protocol_negotiation";
        let field = format!("extension {name}");
        check(Place::ClientHello, &extension, &[("extensions", &format!("1: {name}")), (&field, "2: h2, \\x1b[")]);
    }

    #[test]
    fn a_key_share_has_three_forms() {
        let head = ("extensions", "1: key_share");
        let of = |value| [head, ("extension key_share", value)];
        check(Place::HelloRetryRequest, &[0, 51, 0, 2, 0, 24], &of("secp384r1 is asked for"));
        check(Place::ServerHello, &[0, 51, 0, 5, 0, 29, 0, 1, 9], &of("x25519 (1 byte)"));
        check(Place::ClientHello, &[0, 51, 0, 7, 0, 5, 0, 29, 0, 1, 9], &of("1: x25519 (1 byte)"));
        check(Place::ClientHello, &[0, 51, 0, 2, 0, 24], &of("cannot be read: 0018"));
    }

    #[test]
    fn an_unknown_extension_is_shown_by_its_number() {
        check(Place::Other, &[0x12, 0x34, 0, 1, 7], &[("extensions", "1: 0x1234"), ("extension 0x1234", "07")]);
        check(Place::Other, &[0x12, 0x34, 0, 2, 7], &[("extensions", "cannot be read: 1234000207")]);
    }
}
