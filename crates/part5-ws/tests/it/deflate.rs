//! `--deflate`: permessage-deflate (RFC 7692), between our client, our server, and a server that the test plays.

use lab_test::run;
use labnet::{pmu::Device, ws::FrameType};
use mock_servers::{ServerSettings, ws};
use tungstenite::handshake::derive_accept_key;

use crate::{
    CLIENT,
    played::{FIN, Pmu, TEXT, check_broken, header, status},
};

/// RSV1: this message is compressed.
const COMPRESSED: u8 = 0x40;

/// `Hello`, compressed (RFC 7692, section 7.2.3.1).
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn a_flood_is_the_same_and_takes_fewer_bytes_on_the_wire() {
    let flood: Vec<u8> = b"This is PMU data 1. ".iter().copied().cycle().take(1 << 20).collect();
    let device = Device { flood: flood.clone().into(), ..Device::default() };
    let mut segments = Vec::new();
    for (client, server) in [(false, true), (true, false), (true, true)] {
        let config = ws::Config {
            port: 0,
            device: device.clone(),
            frame_type: FrameType::Text,
            deflate: server,
            ..ws::Config::default()
        };
        let pmu = ws::spawn(&config, &ServerSettings::default()).unwrap();
        let address = pmu.address().to_string();
        let mut arguments = vec!["--server", &address, "CMD_floodme", "CMD_floodme", "--stats"];
        if client {
            arguments.push("--deflate");
        }
        let outcome = run(CLIENT, &arguments);
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        let expected = [&flood[..], b"\n", &flood, b"\n"].concat();
        assert!(outcome.stdout.as_slice() == expected, "{client} {server}: {} bytes", outcome.stdout.len());
        let stats = outcome.stats();
        assert_eq!((&stats[0]["bytes"], &stats[0]["frames"]), (&flood.len().into(), &1.into()));
        segments.push(stats[0]["recv_calls"].as_u64().unwrap());
    }
    // A mebibyte of it is a few KiB.
    assert!(segments[2] < segments[0].min(segments[1]), "{segments:?}");
}

/// Answers the offer with `extensions`, then plays the rest.
fn agreed(
    extensions: &'static str,
    serve: impl FnOnce(&mut Pmu) + Send + 'static,
) -> impl FnOnce(Pmu) + Send + 'static {
    move |mut pmu: Pmu| {
        let request = pmu.request();
        assert_eq!(header(&request, "Sec-WebSocket-Extensions"), "permessage-deflate; client_max_window_bits");
        let accept = derive_accept_key(header(&request, "Sec-WebSocket-Key").as_bytes());
        pmu.send(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n"
            )
            .as_bytes(),
        );
        serve(&mut pmu);
        pmu.wait_for_end();
    }
}

#[test]
fn each_message_is_compressed_or_not_as_its_first_frame_says() {
    for extensions in ["permessage-deflate", "permessage-deflate; server_no_context_takeover; client_max_window_bits=9"]
    {
        let serve = agreed(extensions, |pmu| {
            // The command, compressed: its length is not that of the text.
            assert_eq!(pmu.receive().0, FIN | COMPRESSED | TEXT);
            pmu.frame(FIN | COMPRESSED | TEXT, HELLO);
            pmu.frame(FIN | TEXT, "plain");
            pmu.frame(COMPRESSED | TEXT, &HELLO[..3]);
            pmu.frame(0x80, &HELLO[3..]);
            pmu.close(&status(1000, ""));
        });
        let outcome = crate::played::run(serve, &["--deflate"]);
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, "Hello\nplain\nHello\n"), "{}", outcome.stderr());
    }
}

#[test]
fn what_the_extension_does_not_allow_ends_the_connection() {
    let broken = |frame: u8, payload: &'static [u8], close: u16, complaint: &str| {
        let serve = agreed("permessage-deflate", move |pmu| {
            pmu.receive();
            pmu.frame(frame, payload);
            pmu.expect_close(close);
        });
        check_broken(serve, &["--deflate", "--max-message", "1000"], "", complaint);
    };
    broken(FIN | COMPRESSED | TEXT, b"This is PMU data 1", 1007, "cannot be decompressed");
    broken(FIN | COMPRESSED | 0x9, b"", 1002, "is not the first of a message");
    broken(FIN | 0x20 | TEXT, b"", 1002, "reserved bit");
    // 1,500 zeros.
    broken(
        FIN | COMPRESSED | TEXT,
        b"\x62\x60\x18\x05\xa3\x60\x14\x8c\x82\x51\x30\xdc\0\0",
        1009,
        "--max-message is 1000",
    );
    let wrong = agreed("permessage-deflate; unknown", |_| {});
    check_broken(wrong, &["--deflate"], "", "'permessage-deflate; unknown', which was not offered");
}
