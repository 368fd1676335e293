//! The TLS server as its visitors see it: what the page says, which certificate is shown to whom, and other clients.

use std::{
    fs,
    io::{self, Read, Write},
    sync::Arc,
};

use lab_test::{finish, lacks, start};
use rustls::{
    ClientConfig,
    version::{TLS12, TLS13},
};

use ttp::{CertificateOptions, KeyKind};

use crate::site::{Blind, Files, PAGE, connect};

pub(crate) fn row<'a>(page: &'a str, label: &str) -> &'a str {
    let start = format!("<th>{label}</th><td>");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no {label} in {page}"));
    rest.split_once("</td>").unwrap().0
}

#[test]
fn the_page_shows_what_was_negotiated() {
    let files = Files::new();
    let mut server = files.server("");
    for (version, name) in [(&TLS13, "TLSv1.3"), (&TLS12, "TLSv1.2")] {
        let config = server.config(&[version], &["h2", "http/1.1"]);
        let page = String::from_utf8(server.exchange("localhost", &config, PAGE).unwrap()).unwrap();
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert_eq!(row(&page, "TLS version"), name);
        let suite = row(&page, "Cipher suite (IANA)").to_owned();
        assert!(suite.starts_with("TLS_") && suite.contains("AES_256_GCM_SHA384"), "{suite}");
        let openssl = row(&page, "Cipher suite (OpenSSL)");
        assert!(["TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"].contains(&openssl), "{openssl}");
        assert!(row(&page, "Key exchange group").starts_with("X25519"), "{page}");
        assert_eq!(row(&page, "Application protocol (ALPN)"), "http/1.1");
        assert_eq!(row(&page, "Server name you asked for (SNI)"), "localhost");
        assert_eq!(row(&page, "Subject of your certificate"), "you presented none");
        assert!(row(&page, "Your address").starts_with("127.0.0.1:"));
        let (_, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(page.contains(&format!("Content-Length: {}\r\n", body.len())), "{page}");
        let report = server.report("GET /");
        let (peer, rest) = report.split_once(' ').unwrap();
        assert_eq!(peer, row(&page, "Your address"));
        assert_eq!(rest, format!("{name} {suite} sni=localhost \"GET / HTTP/1.1\" 200 {}", body.len()));
    }
    server.program.interrupt();
    assert_eq!(finish(server.program).code(), 0);
}

#[test]
fn the_page_shows_the_handshake_and_the_certificate() {
    let files = Files::new();
    let server = files.server("");
    for (version, messages) in [
        (
            &TLS13,
            &["ClientHello", "ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished"][..],
        ),
        (&TLS12, &["ClientHello", "ServerHello", "Certificate", "ServerKeyExchange", "ClientKeyExchange", "Finished"]),
    ] {
        let config = server.config(&[version], &[]);
        let page = String::from_utf8(server.exchange("localhost", &config, PAGE).unwrap()).unwrap();
        let handshake = page.split_once("<h2>The handshake</h2>").unwrap().1.split_once("</ol>").unwrap().0;
        let mut rest = handshake;
        for message in messages {
            rest = rest.split_once(&format!("<b>{message}</b>")).unwrap_or_else(|| panic!("{message}: {handshake}")).1;
        }
        assert!(handshake.contains("client → server <b>ClientHello</b>") && !handshake.contains("ApplicationData"));
        // The client's Finished is decrypted, too, and the fields of a message are folded.
        assert_eq!(handshake.matches("<b>Finished</b>").count(), 2, "{handshake}");
        assert!(handshake.contains("<li>extension server_name: localhost"), "{handshake}");
        assert!(row(&page, "subject").contains("CN="), "{page}");
        assert!(row(&page, "key").starts_with("P-256") || row(&page, "key").contains("256"), "{}", row(&page, "key"));
        assert!(page.contains("<style>") && page.contains("--paper: #fcfcfa") && !page.contains("<script"));
        // No script may run, and the style in the page may be used.
        let policy = page.split_once("Content-Security-Policy: ").unwrap().1.split_once("\r\n").unwrap().0;
        assert!(policy.starts_with("default-src 'none'; style-src '"), "{policy}");
    }
}

#[test]
fn one_version_can_be_asked_for() {
    let files = Files::new();
    for (option, spoken, other) in [("1.2", &TLS12, &TLS13), ("1.3", &TLS13, &TLS12)] {
        let mut server = files.server(&format!("--tls {option}"));
        assert!(server.exchange("localhost", &server.config(&[spoken], &[]), PAGE).is_ok());
        let refused = server.exchange("localhost", &server.config(&[other], &[]), PAGE).unwrap_err();
        assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
        let report = server.report("no TLS version");
        assert!(report.starts_with("127.0.0.1:"), "{report}");
    }
}

#[test]
fn the_application_protocol_is_one_that_the_server_was_told() {
    let files = Files::new();
    let server = files.server("--alpn lab/2 --alpn lab/1");
    let agreed = |alpn: &[&str]| {
        let config = server.config(&[&TLS13], alpn);
        let page = server.exchange("localhost", &config, PAGE)?;
        Ok::<_, io::Error>(row(&String::from_utf8(page).unwrap(), "Application protocol (ALPN)").to_owned())
    };
    assert_eq!(agreed(&["lab/1", "lab/2"]).unwrap(), "lab/2");
    assert_eq!(agreed(&["lab/1"]).unwrap(), "lab/1");
    assert_eq!(agreed(&[]).unwrap(), "none");
    assert!(agreed(&["http/1.1"]).unwrap_err().to_string().contains("NoApplicationProtocol"));
}

#[test]
fn a_name_gets_the_certificate_that_is_for_it() {
    let files = Files::new();
    files.issue("a", &["a.lab.test", "b.lab.test"]);
    files.issue("wild", &["*.lab.test"]);
    files.issue("exact", &["c.lab.test"]);
    let server = files
        .server("--more a_cert.pem a_key.pem --more wild_cert.pem wild_key.pem --more exact_cert.pem exact_key.pem");
    for (name, shown) in [
        ("localhost", "DNSName(localhost)"),
        ("a.lab.test", "DNSName(a.lab.test)"),
        ("B.LAB.test", "DNSName(a.lab.test)"),
        ("z.lab.test", "DNSName(*.lab.test)"),
        ("c.lab.test", "DNSName(c.lab.test)"),
        ("y.z.lab.test", "DNSName(localhost)"),
        ("lab.test", "DNSName(localhost)"),
        ("unknown.example", "DNSName(localhost)"),
        ("127.0.0.1", "DNSName(localhost)"),
    ] {
        assert_eq!(server.name_shown(name), shown, "{name}");
    }
}

#[test]
fn client_certificates_are_optional_or_required_and_shown() {
    let files = Files::new();
    files.issue("client", &["client"]);
    let strangers = Files::new();
    strangers.issue("client", &["client"]);
    let subject = |page: Vec<u8>| row(&String::from_utf8(page).unwrap(), "Subject of your certificate").to_owned();

    let mut optional = files.server("--client-ca cacert.pem");
    let page = optional.exchange("localhost", &optional.default_config(), PAGE).unwrap();
    assert_eq!(subject(page), "you presented none");
    let page = optional.exchange("localhost", &files.with_certificate("client"), PAGE).unwrap();
    assert_eq!(subject(page), "CN=client");
    let mut stranger = ClientConfig::clone(&strangers.with_certificate("client"));
    stranger.dangerous().set_certificate_verifier(Arc::new(Blind));
    let stranger = Arc::new(stranger);
    assert!(optional.exchange("localhost", &stranger, PAGE).is_err());
    optional.report("has a certificate");

    let mut required = files.server("--client-ca cacert.pem --require-client");
    let refused = required.exchange("localhost", &required.default_config(), PAGE).unwrap_err();
    assert!(refused.to_string().contains("CertificateRequired"), "{refused}");
    required.report("presented no certificate");
    let page = required.exchange("localhost", &files.with_certificate("client"), PAGE).unwrap();
    assert_eq!(subject(page), "CN=client");
}

#[test]
fn a_file_and_any_number_of_bytes_can_be_downloaded_whole() {
    let files = Files::new();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(files.path("big"), &content).unwrap();
    let mut server = files.server("--file big");
    let body = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = server.exchange("localhost", &server.default_config(), &request).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end..].to_vec())
    };
    let (head, file) = body("/download?now");
    assert!(head.contains("Content-Length: 12000000\r\n") && file == content, "{head}: {} bytes", file.len());
    for len in [0, 1, 16_384, 1_000_000] {
        let (head, zeros) = body(&format!("/bytes/{len}"));
        assert!(head.contains(&format!("Content-Length: {len}\r\n")), "{head}");
        assert!(zeros.len() == len && zeros.iter().all(|&byte| byte == 0), "{} bytes", zeros.len());
    }
    for path in ["/bytes/", "/bytes/-1", "/bytes/+1", "/bytes/17179869185", "/bytes/99999999999999999999999"] {
        assert!(body(path).0.starts_with("HTTP/1.1 400 "), "{path}");
    }
    let head = server.get("HEAD /bytes/17179869184 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(head.contains("Content-Length: 17179869184\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(server.report("HEAD").ends_with(" 200 0"));
}

#[test]
fn browsers_are_told_to_use_https_alone_unless_they_are_not_to_be() {
    let files = Files::new();
    let (strict, lax) = (files.server(""), files.server("--no-hsts"));
    // Two years: the least of Mozilla's profile "intermediate".
    for request in [PAGE, "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let closing = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert!(strict.get(&closing).contains("\r\nStrict-Transport-Security: max-age=63072000\r\n"), "{request}");
        assert!(!lax.get(&closing).contains("Strict-Transport-Security"), "{request}");
    }
}

#[test]
fn what_cannot_be_answered_gets_a_status_that_says_why() {
    let files = Files::new();
    let mut server = files.server("");
    for (request, status) in [
        ("GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404 Not Found"),
        ("GET /download HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "404 Not Found"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "405 Method Not Allowed"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported"),
        (&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000)), "414 URI Too Long"),
        (&format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "a".repeat(17_000)), "431 Request Header"),
    ] {
        let answer = server.get(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("Allow: GET, HEAD\r\n"), status.starts_with("405"), "{answer}");
        server.report(&format!(" {} ", &status[..3]));
    }
}

#[test]
fn a_connection_is_kept_for_further_requests() {
    let files = Files::new();
    let mut server = files.server("");
    let mut client = connect(server.address, "localhost", &server.default_config());
    client.write_all(b"GET /bytes/3 HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    client.write_all(b"GET /bytes/4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{answers}");
    assert!(answers.ends_with("\r\n\r\n\0\0\0\0"), "{answers}");
    for report in ["\"GET /bytes/3 HTTP/1.1\" 200 3", "\"HEAD / HTTP/1.1\" 200 0", "\"GET /bytes/4 HTTP/1.1\" 200 4"] {
        server.report(report);
    }
}

#[test]
fn what_is_wrong_with_a_file_or_an_option_is_said_before_the_port_is_opened() {
    let files = Files::new();
    files.issue("other", &["a.test"]);
    fs::write(files.path("empty"), "").unwrap();
    files.check_refused("--more other_cert.pem localhost_key.pem", 1, "match");
    files.check_refused("--client-ca empty", 1, "empty");
    files.check_refused("--client-ca missing", 1, "missing");
    files.check_refused("--file missing", 1, "missing");
    files.check_refused("--file .", 1, "no regular file");
    files.check_refused("--require-client", 2, "--client-ca");
    files.check_refused("--more other_cert.pem", 2, "--more");
    files.check_refused("--tls 1.1", 2, "1.2");
    files.check_refused("--timeout 0", 2, "seconds");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    files.check_refused(&format!("--port {}", taken.local_addr().unwrap().port()), 2, "--port");
}

#[test]
fn a_server_name_that_is_no_dns_name_is_as_good_as_none() {
    if lacks("openssl") {
        return;
    }
    let files = Files::new();
    files.directory().issue("client", KeyKind::P256, None, &CertificateOptions::default()).unwrap();
    let (certificate, key) = (files.directory().certificate("client"), files.directory().key("client"));
    let [certificate, key] = [certificate, key].map(|path| path.to_str().unwrap().to_owned());
    let mut server = files.server("--client-ca cacert.pem --require-client");
    let at = format!("127.0.0.1:{}", server.address.port());
    for name in ["my server", "127.0.0.1", "a..b"] {
        // In TLS 1.2 the client signs the whole handshake, in which its server name is.
        for version in [["-tls1_2"].as_slice(), &["-tls1_3"], &["-tls1_3", "-groups", "P-521:P-384"]] {
            let arguments =
                ["s_client", "-connect", &at, "-ign_eof", "-servername", name, "-cert", &certificate, "-key", &key];
            let mut client = start("openssl", &[&arguments, version].concat());
            client.input(PAGE.as_bytes());
            let shown = finish(client).stdout();
            assert!(shown.contains("<td>CN=client</td>"), "{name} {version:?}: {shown}");
            let report = server.report("GET /");
            assert!(report.contains(" sni=- \"GET / HTTP/1.1\" 200"), "{name} {version:?}: {report}");
        }
    }
}

#[test]
fn curl_and_openssl_and_python_are_served() {
    let files = Files::new();
    let server = files.server("");
    let port = server.address.port().to_string();
    let url = format!("https://localhost:{port}/");
    let ca = server.ca.to_str().unwrap().to_owned();
    if !lacks("curl") {
        let curl = finish(start("curl", &["-sS4", "--cacert", &ca, &url, &format!("{url}bytes/70000")]));
        assert_eq!(curl.code(), 0, "{}", curl.stderr());
        assert!(curl.stdout().contains("<h1>Your TLS connection</h1>"), "{}", curl.stdout());
        assert!(curl.stdout.len() > 70_000, "both on one connection");
        let http10 = finish(start("curl", &["-sS4", "-0", "--cacert", &ca, &url]));
        assert_eq!(http10.code(), 0, "{}", http10.stderr());
    }
    if !lacks("openssl") {
        for version in ["-tls1_2", "-tls1_3"] {
            let at = format!("127.0.0.1:{port}");
            let arguments =
                ["s_client", "-connect", &at, version, "-CAfile", &ca, "-ign_eof", "-servername", "localhost"];
            let mut client = start("openssl", &arguments);
            client.input(PAGE.as_bytes());
            let outcome = finish(client);
            let shown = outcome.stdout();
            assert!(shown.contains("Verify return code: 0 (ok)") && shown.contains("</html>"), "{shown}");
        }
    }
    if !lacks("python3") {
        let script = "import ssl,sys,urllib.request\n\
                      c=ssl.create_default_context(cafile=sys.argv[2])\n\
                      print(len(urllib.request.urlopen(sys.argv[1]+'bytes/12345',context=c).read()))";
        let python = finish(start("python3", &["-c", script, &url, &ca]));
        assert_eq!(python.stdout(), "12345\n", "{}", python.stderr());
    }
}
