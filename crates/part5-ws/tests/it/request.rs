//! The request: an upgrade, and the command.

use lab_process::Program;
use lab_test::PATIENCE;

use crate::{
    CLIENT,
    played::{FIN, TEXT, header, server, status},
};

#[test]
fn the_request_is_an_upgrade_as_the_rfc_asks_and_the_command_a_masked_text_frame() {
    let (address, server) = server(|mut pmu| {
        let request = pmu.request();
        assert!(request.starts_with("GET /pmu?room=INF019 HTTP/1.1\r\n"), "{request}");
        assert!(header(&request, "Host").starts_with("127.0.0.1:"), "{request}");
        assert!(header(&request, "Upgrade").eq_ignore_ascii_case("websocket"), "{request}");
        assert!(header(&request, "Connection").eq_ignore_ascii_case("upgrade"), "{request}");
        assert_eq!(header(&request, "Sec-WebSocket-Version"), "13");
        assert_eq!(header(&request, "Sec-WebSocket-Key").len(), 24, "16 bytes in base64");
        pmu.agree(&request);
        assert_eq!(pmu.receive(), (FIN | TEXT, b"CMD_floodme".to_vec()));
        pmu.close(&status(1000, ""));
    });
    let url = format!("ws://{address}/pmu?room=INF019");
    let client = Program::start(CLIENT, &["--url", &url, "CMD_floodme"]).unwrap();
    assert_eq!(client.finish(PATIENCE).unwrap().code(), 0);
    server.join().unwrap();
}
