//! How connections through the proxy end, what rude sides cost, and many at once.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener},
    sync::{Arc, Barrier, mpsc},
    thread,
    time::{Duration, Instant},
};

use lab_test::{PATIENCE, uninterrupted};
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use ttp::CertificateOptions;

use crate::middle::{Ca, connect, exchange, get, greeted, one_shot, proxy, server};

/// How many descriptors a program has open.
#[cfg(target_os = "linux")]
fn descriptors(of: &lab_test::Listening) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", of.program.id())).unwrap().count()
}

#[test]
fn sixteen_mebibytes_pass_unchanged_both_ways() {
    const LEN: usize = 16 << 20;
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    let content: Vec<u8> = (0..LEN as u32 / 4).flat_map(u32::to_le_bytes).collect();
    // An echo that answers while it is still being asked.
    let config = real.server_config("localhost");
    let echo = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        let mut buffer = vec![0; 50_000];
        loop {
            match uninterrupted(|| server.read(&mut buffer)).unwrap() {
                0 => break,
                n => server.write_all(&buffer[..n]).unwrap(),
            }
        }
        server.conn.send_close_notify();
        server.flush().unwrap();
    });
    let mut proxy = proxy(&forged, &real, &format!("--to {echo}"));
    let mut victim = greeted(connect(proxy.address, "localhost", &forged.client(&[]))).unwrap();
    let mut answer = Vec::new();
    for piece in content.chunks(100_000) {
        victim.write_all(piece).unwrap();
        let mut echoed = vec![0; piece.len()];
        victim.read_exact(&mut echoed).unwrap();
        answer.extend(echoed);
    }
    victim.conn.send_close_notify();
    victim.flush().unwrap();
    assert_eq!(uninterrupted(|| victim.read(&mut [0; 1])).unwrap(), 0, "close_notify is passed on and answered");
    assert!(answer == content);
    let end = proxy.report("end: ");
    assert!(end.ends_with(&format!(" end: {LEN} bytes to the server, {LEN} bytes to the victim")), "{end}");
}

#[test]
fn an_end_without_close_notify_is_passed_on_as_such() {
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    let config = real.server_config("localhost");
    let rude = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        server.write_all(b"half an ans").unwrap();
        server.flush().unwrap();
        server.sock.shutdown(Shutdown::Write).unwrap();
        let _ = server.read_to_end(&mut Vec::new());
    });
    let mut proxy = proxy(&forged, &real, &format!("--to {rude}"));
    let mut victim = connect(proxy.address, "localhost", &forged.client(&[]));
    let mut answer = Vec::new();
    let error = victim.read_to_end(&mut answer).unwrap_err();
    assert_eq!((error.kind(), answer.as_slice()), (io::ErrorKind::UnexpectedEof, &b"half an ans"[..]));
    drop(victim);
    let end = proxy.report("end: ");
    assert!(end.contains("the server ended without close_notify"), "{end}");
}

#[test]
fn a_side_that_vanishes_ends_the_other_and_one_that_never_ends_is_given_up() {
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    // The server never says a word after its handshake.
    let config = real.server_config("localhost");
    let (test_ends, until_then) = mpsc::channel::<()>();
    let mute = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        let _ = server.read_to_end(&mut Vec::new());
        let _ = until_then.recv();
    });
    let mut first = proxy(&forged, &real, &format!("--to {mute} --timeout 2"));
    let mut victim = greeted(connect(first.address, "localhost", &forged.client(&[]))).unwrap();
    victim.conn.send_close_notify();
    victim.flush().unwrap();
    let end = first.report("end: ");
    assert!(end.contains("the other side did not end in its turn"), "{end}");
    drop(test_ends);

    // The server breaks the rules of TLS within the stream.
    let config = real.server_config("localhost");
    let broken = one_shot(move |tcp| {
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        server.conn.complete_io(&mut server.sock).unwrap();
        server.sock.write_all(b"\x17\x03\x03\x00\x20garbage garbage garbage garbage!").unwrap();
        let _ = server.sock.read_to_end(&mut Vec::new());
    });
    let mut second = proxy(&forged, &real, &format!("--to {broken}"));
    let mut victim = connect(second.address, "localhost", &forged.client(&[]));
    assert!(uninterrupted(|| victim.read(&mut [0; 1])).is_err());
    let end = second.report("end: ");
    assert!(end.contains("the server sent a TLS record that cannot be decrypted"), "{end}");
}

#[test]
fn a_rude_victim_costs_a_deadline_and_the_next_one_is_served() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {} --timeout 2", server.address));
    let mut garbage = lab_test::connect(proxy.address);
    garbage.write_all(b"\x00garbage").unwrap();
    let mut answer = Vec::new();
    garbage.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    proxy.report("speaks neither TLS nor HTTP");
    let mut nearly = lab_test::connect(proxy.address);
    nearly.write_all(b"\x16\x03\x01\xff\xff").unwrap();
    let _ = nearly.read_to_end(&mut Vec::new());
    proxy.report("does not speak TLS");
    let mut tunnel = lab_test::connect(proxy.address);
    tunnel.write_all(b"CONNECT localhost:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap();
    tunnel.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    proxy.report("spoke plain HTTP");
    drop(lab_test::connect(proxy.address));
    proxy.report("left without a wish");

    let begun = Instant::now();
    let silent = lab_test::connect(proxy.address);
    let mut slow = lab_test::connect(proxy.address);
    slow.write_all(b"CONNECT a").unwrap();
    let mut half = lab_test::connect(proxy.address);
    half.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    for _ in 0..3 {
        proxy.report("too slow");
    }
    assert!(begun.elapsed() >= Duration::from_secs(2));
    drop((silent, slow, half));

    // One that leaves the real server waiting: it is asked, and then the victim is silent.
    let config = forged.client(&[]);
    let mut hello = ClientConnection::new(Arc::clone(&config), "localhost".try_into().unwrap()).unwrap();
    let mut half_way = lab_test::connect(proxy.address);
    hello.write_tls(&mut half_way).unwrap();
    proxy.report("the victim was too slow in the handshake");

    assert!(get(proxy.address, "localhost", &config).unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_silent_real_server_costs_a_deadline() {
    let (real, forged) = (Ca::new(), Ca::new());
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let to = silent.local_addr().unwrap();
    let mut proxy = proxy(&forged, &real, &format!("--to {to} --timeout 1"));
    let error = get(proxy.address, "localhost", &forged.client(&[])).unwrap_err();
    assert!(error.to_string().contains("HandshakeFailure"), "{error}");
    proxy.report("was too slow in the handshake");
}

#[test]
fn two_hundred_victims_are_served_at_once_and_nothing_is_left_open() {
    const VICTIMS: usize = 200;
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {} --timeout 60", server.address));
    let (address, config) = (proxy.address, forged.client(&[]));
    #[cfg(target_os = "linux")]
    let before = descriptors(&proxy);
    let together = Arc::new(Barrier::new(VICTIMS));
    let victims: Vec<_> = (0..VICTIMS)
        .map(|i| {
            let (config, together) = (Arc::clone(&config), Arc::clone(&together));
            thread::spawn(move || {
                let victim = greeted(connect(address, ["a.test", "b.test"][i % 2], &config)).unwrap();
                together.wait();
                if i % 10 == 9 {
                    // Gone without a word.
                    return;
                }
                let request = format!("GET /bytes/{i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                let answer = exchange(victim, &request).unwrap();
                assert!(answer.ends_with(format!("\r\n\r\n{}", "\0".repeat(i)).as_bytes()));
            })
        })
        .collect();
    for victim in victims {
        victim.join().unwrap();
    }
    for _ in 0..VICTIMS {
        proxy.report("end: ");
    }
    // The report comes just before the close.
    #[cfg(target_os = "linux")]
    {
        let until = Instant::now() + PATIENCE;
        while descriptors(&proxy) > before && Instant::now() < until {
            thread::yield_now();
        }
        assert_eq!(descriptors(&proxy), before);
    }
}
