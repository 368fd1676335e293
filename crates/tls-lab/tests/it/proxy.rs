//! The proxy in the middle, between real clients and real servers: who is deceived, who is not, and what is shown.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::Command,
};

use lab_process::Program;
use lab_test::{Listening, finish, lacks, spawn, start};
use ttp::CertificateOptions;

use crate::middle::{
    Ca, PAGE, connect, exchange, get, greeted, one_shot, presented, proxy, server, server_with, start_proxy,
};

#[test]
fn a_victim_that_trusts_the_ca_cannot_tell_and_all_that_passes_is_shown() {
    let (real, forged) = (Ca::new(), Ca::new());
    let mut server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    let victim = greeted(connect(proxy.address, "a.test", &forged.client(&["http/1.1"]))).unwrap();
    let (serial, _, names) = presented(&victim);
    assert_eq!(names, ["DNSName(a.test)"]);
    let peer = victim.sock.local_addr().unwrap();
    let page = String::from_utf8(exchange(victim, PAGE).unwrap()).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</html>\n"), "{page}");
    // The real server was asked for the same name, with the same protocol.
    assert!(page.contains("<td>a.test</td>") && page.contains("<td>http/1.1</td>"), "{page}");
    server.report("sni=a.test");
    assert_eq!(proxy.report("asks for"), format!("{peer} asks for a.test, whose address is {}", server.address));
    let terms = "TLSv1.3 TLS_AES_256_GCM_SHA384 http/1.1";
    assert_eq!(proxy.report("verified"), format!("{peer} the real server is verified: {terms}"));
    assert_eq!(proxy.report("deceived"), format!("{peer} the victim is deceived: {terms}, with certificate {serial}"));
    assert_eq!(proxy.report("GET"), format!("{peer} > GET / HTTP/1.1"));
    assert_eq!(proxy.report("Host"), format!("{peer} > Host: localhost"));
    assert_eq!(proxy.report("HTTP/1.1 200"), format!("{peer} < HTTP/1.1 200 OK"));
    proxy.report("< <!DOCTYPE html>");
    let (to_server, to_victim) = (PAGE.len(), page.len());
    let end = format!("{peer} end: {to_server} bytes to the server, {to_victim} bytes to the victim");
    assert_eq!(proxy.report("end:"), end);
    proxy.program.interrupt();
    assert_eq!(finish(proxy.program).code(), 0);
}

#[test]
fn a_victim_that_does_not_trust_the_ca_is_not_deceived() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    let error = get(proxy.address, "localhost", &real.client(&[])).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let line = proxy.report("refused: ");
    assert!(line.contains("the victim refused the handshake with the alert "), "{line}");
}

#[test]
fn a_constrained_ca_deceives_nobody_about_other_names_and_an_unconstrained_one_everybody() {
    let real = Ca::with(true);
    real.issue("bank", &["bank.com"], CertificateOptions::default());
    let server = server_with(&real, "bank");
    for (forged, is_deceived) in [(Ca::new(), false), (Ca::with(true), true)] {
        let proxy = proxy(&forged, &real, &format!("--to {}", server.address));
        let seen = get(proxy.address, "bank.com", &forged.client(&[]));
        assert_eq!(seen.is_ok(), is_deceived, "{seen:?}");
    }
}

#[test]
fn each_name_has_one_certificate() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    let shown = |name: &str| presented(&greeted(connect(proxy.address, name, &forged.client(&[]))).unwrap());
    let first = shown("a.test");
    assert_eq!(shown("a.test"), first);
    let second = shown("b.test");
    assert_ne!(second.0, first.0);
    assert_eq!(second.2, ["DNSName(b.test)"]);
}

#[test]
fn a_real_server_that_cannot_be_verified_or_reached_is_not_impersonated() {
    let (real, forged, strangers) = (Ca::new(), Ca::new(), Ca::new());
    real.issue(
        "expired",
        &["localhost"],
        CertificateOptions { starts_in: -20, days: 10, ..CertificateOptions::default() },
    );
    real.issue("other", &["other.test"], CertificateOptions::default());
    strangers.issue("stranger", &["localhost"], CertificateOptions::default());
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let plain = one_shot(|mut tcp| {
        tcp.write_all(b"220 hello\r\n").unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let closed = one_shot(drop);
    let servers = [server_with(&real, "expired"), server_with(&real, "other"), server_with(&strangers, "stranger")];
    let [expired, other, stranger] = &servers;
    for (to, alert, words) in [
        (expired.address, "HandshakeFailure", "has a certificate that expired"),
        (other.address, "HandshakeFailure", "was to be localhost, but its certificate is for other.test"),
        (stranger.address, "HandshakeFailure", "has a certificate "),
        (plain, "HandshakeFailure", "does not speak TLS"),
        (closed, "HandshakeFailure", "within the handshake"),
        (nobody, "InternalError", "cannot connect to"),
    ] {
        let mut proxy = proxy(&forged, &real, &format!("--to {to}"));
        let error = get(proxy.address, "localhost", &forged.client(&[])).unwrap_err();
        assert!(error.to_string().contains(alert), "{words}: {error}");
        let line = proxy.report("refused: ");
        assert!(line.contains(words), "no '{words}' in {line}");
    }
}

#[test]
fn the_protocol_is_the_one_that_the_real_server_chose() {
    let (real, forged) = (Ca::new(), Ca::new());
    real.issue("localhost", &[], CertificateOptions::default());
    let mut server = Command::new(env!("CARGO_BIN_EXE_tls-server"));
    server.args([real.directory().certificate("localhost"), real.directory().key("localhost")]);
    server.args(["--port", "0", "--alpn", "lab/2"]);
    let server = Listening::of(spawn(server));
    let proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    for (offered, chosen) in [(&["lab/1", "lab/2"][..], Some("lab/2")), (&[], None)] {
        let victim = greeted(connect(proxy.address, "localhost", &forged.client(offered))).unwrap();
        assert_eq!(victim.conn.alpn_protocol(), chosen.map(str::as_bytes));
    }
    let error = get(proxy.address, "localhost", &forged.client(&["lab/1"])).unwrap_err();
    assert!(error.to_string().contains("HandshakeFailure"), "{error}");
}

#[test]
fn curl_goes_through_it_by_connect() {
    if lacks("curl") {
        return;
    }
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, "");
    let via = format!("http://{}", proxy.address);
    let ca = forged.certificate();
    let port = server.address.port();
    let curl = |url: &str| {
        let arguments = ["-sS", "--noproxy", "", "-x", &via, "--cacert", ca.to_str().unwrap(), url];
        finish(Program::start("curl", &arguments).unwrap())
    };
    for (host, shown) in [("localhost", "<td>localhost</td>"), ("127.0.0.1", "<td>none</td>")] {
        let outcome = curl(&format!("https://{host}:{port}/"));
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        assert!(outcome.stdout().contains(shown), "{}", outcome.stdout());
        let line = proxy.report("asks for");
        assert!(line.ends_with(&format!(" asks for {host}, whose address is {host}:{port}")), "{line}");
        proxy.report("> User-Agent: curl/");
        proxy.report("end: ");
    }
    let plain = curl(&format!("http://localhost:{port}/"));
    assert!(plain.stdout().contains("CONNECT HOST:PORT"), "{}", plain.stdout());
    proxy.report("refused: the victim asked 'GET http://localhost");
}

#[test]
fn what_is_no_tunnel_gets_a_status_that_says_why() {
    let (real, forged) = (Ca::new(), Ca::new());
    let mut proxy = proxy(&forged, &real, "");
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "405 "),
        ("POST http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "405 "),
        ("CONNECT a HTTP/1.1\r\n\r\n", "400 "),
        ("CONNECT a:99999 HTTP/1.1\r\n\r\n", "400 "),
        ("X\x1b\r\n\r\n", "400 "),
        (&format!("CONNECT a:1 HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(9000)), "431 "),
    ] {
        let mut victim = lab_test::connect(proxy.address);
        victim.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        victim.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("Allow: CONNECT\r\n"), status == "405 ", "{answer}");
        assert!(!proxy.report("refused: the victim asked").contains('\x1b'));
    }
}

#[test]
fn a_victim_that_names_nobody_is_refused_unless_there_is_a_default() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut nowhere = proxy(&forged, &real, "");
    // To an address no SNI is sent.
    let error = get(nowhere.address, "127.0.0.1", &forged.client(&[])).unwrap_err();
    assert!(error.to_string().contains("Unrecogni"), "{error}");
    nowhere.report("refused: named no server");
    let mut somewhere = proxy(&forged, &real, &format!("--to {}", server.address));
    let victim = greeted(connect(somewhere.address, "127.0.0.1", &forged.client(&[]))).unwrap();
    assert_eq!(presented(&victim).2, ["IPAddress(7f:00:00:01)"]);
    somewhere.report("asks for 127.0.0.1, ");
}

#[test]
fn a_server_name_that_is_no_dns_name_names_nobody() {
    if lacks("openssl") {
        return;
    }
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {}", server.address));
    let at = proxy.address.to_string();
    for options in [["-tls1_2"].as_slice(), &["-tls1_3"], &["-tls1_3", "-groups", "P-521:P-384"]] {
        let arguments = ["s_client", "-quiet", "-connect", &at, "-servername", "my server"];
        let mut victim = start("openssl", &[&arguments, options].concat());
        victim.input(PAGE.as_bytes());
        let page = finish(victim).stdout();
        assert!(page.contains("</html>"), "{options:?}: {page}");
        proxy.report("asks for 127.0.0.1, ");
    }
}

#[test]
fn only_the_beginning_is_shown_and_it_is_escaped() {
    let (real, forged) = (Ca::new(), Ca::new());
    let server = server(&real);
    let mut proxy = proxy(&forged, &real, &format!("--to {} --show 60", server.address));
    let request = "GET /\x1b[2J HTTP/1.1\r\n\r\n";
    let answer = exchange(connect(proxy.address, "localhost", &forged.client(&[])), request).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
    proxy.report("> GET /\\x1b[2J HTTP/1.1");
    proxy.report("< … the rest is not shown (--show BYTES)");
    proxy.report("end: ");
    let shown: Vec<_> = proxy.program.lines().iter().filter(|line| line.text.contains(" < ")).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
}

#[test]
fn what_is_wrong_with_a_file_or_an_option_is_said_before_the_port_is_opened() {
    let ca = Ca::new();
    ca.issue("localhost", &[], CertificateOptions::default());
    let other = Ca::new();
    let check = |certificate: &Path, key: &Path, trusted: &Path, options: &str, code: i32, word: &str| {
        let outcome = finish(start_proxy(certificate, key, trusted, options));
        let stderr = outcome.stderr();
        assert_eq!((outcome.code(), outcome.stdout()), (code, String::new()), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(word), "no '{word}' in {stderr}");
    };
    let (certificate, key) = (ca.certificate(), ca.key());
    check(
        &ca.directory().certificate("localhost"),
        &ca.directory().key("localhost"),
        &certificate,
        "",
        1,
        "is no CA's",
    );
    check(&certificate, &other.key(), &certificate, "", 1, "match");
    check(Path::new("missing"), &key, &certificate, "", 1, "missing");
    check(&certificate, &key, Path::new("missing"), "", 1, "missing");
    check(&certificate, &key, &certificate, "--to a:b:c", 2, "no server");
    check(&certificate, &key, &certificate, "--timeout 0", 2, "seconds");
    let outcome = finish(Program::start(env!("CARGO_BIN_EXE_tls-proxy"), &["--help"]).unwrap());
    assert!(outcome.stdout().contains("can impersonate anyone"), "{}", outcome.stdout());
}
