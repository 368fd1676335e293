//! Clients that vanish without a FIN: the link to them is down.

use std::{
    process::Command,
    sync::mpsc,
    time::{Duration, Instant},
};

use lab_sandbox::{HostConfig, HostsFile, Lan};
use lab_test::{PATIENCE, in_own_network};
use labnet::{
    net::{self, Deadline, Families, Server},
    tls::{Client, ClientOptions, Roots},
    ws,
};
use mock_servers::{Config, Event, Events, ServerName, ServerSettings, pmu, tls};

/// What the documentation says.
const WITHIN: Duration = Duration::from_secs(10);

#[test]
fn a_client_that_vanishes_in_a_long_pause_is_missed_within_ten_seconds_and_has_not_been_answered() {
    in_own_network("", || {
        let path = "delay=1ms".parse().unwrap();
        let lan = Lan::new(&[HostConfig::CLIENT, HostConfig::SERVER], &HostsFile::localhost(), path, 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = mpsc::channel();
        let config = Config {
            settings: ServerSettings {
                bind: vec![HostConfig::SERVER.ipv4.into()],
                events: Events::new(move |event| drop(sender.send(event))),
                ..ServerSettings::default()
            },
            pmu: Some(pmu::Config::default()),
            ws: Some(mock_servers::ws::Config::default()),
            tls: Some(tls::Config {
                certificate: tls::CertificateSource::Made(folder.path().to_owned()),
                ..tls::Config::default()
            }),
            ..Config::default()
        };
        let _servers = lan.host(1).unwrap().run(move || mock_servers::spawn(&config)).unwrap();
        let client = lan.host(0).unwrap();

        let ca = folder.path().join("cacert.pem");
        let clients = client.run(move || {
            let server = |port| Server::new(HostConfig::SERVER.ipv4.to_string(), port);
            let (connect, silence) = (Deadline::after(PATIENCE), Some(PATIENCE));
            let mut tcp = net::connect(&server(5003), Families::Ipv4, connect).unwrap();
            tcp.send(b"CMD_short:600").unwrap();
            tcp.recv(&mut [0; 100]).unwrap();
            let options = ws::Options { connect, silence, max_message: 1 << 20, deflate: false };
            let mut websocket = ws::Client::connect(&ws::Url::of(server(5006)), options).unwrap();
            websocket.send("CMD_short:600").unwrap();
            websocket.receive().unwrap();
            let options = ClientOptions {
                name: Some("localhost".to_owned()),
                connect,
                silence,
                ..ClientOptions::trusting(Roots::load(&ca).unwrap())
            };
            let mut tls = Client::connect(&server(5007), &options).unwrap();
            tls.send(b"CMD_short:600").unwrap();
            tls.recv(&mut [0; 100]).unwrap();
            (tcp, websocket, tls)
        });
        let down = client.run(|| Command::new("ip").args(["link", "set", Lan::interface(), "down"]).status()).unwrap();
        assert!(down.success());

        let (begun, mut missed) = (Instant::now(), Vec::new());
        while missed.len() < 3 {
            let event = events.recv_timeout(PATIENCE).unwrap();
            let Event::Gone { client, command: Some(command), reason } = event else { panic!("{event}") };
            assert_eq!((command.as_str(), reason.as_str()), ("CMD_short:600", "Connection timed out"));
            missed.push(client.server);
        }
        assert!(begun.elapsed() <= WITHIN, "{:?}", begun.elapsed());
        missed.sort_unstable_by_key(ToString::to_string);
        assert_eq!(missed, [ServerName::Pmu, ServerName::Tls, ServerName::Ws]);
        drop(clients);
    });
}
