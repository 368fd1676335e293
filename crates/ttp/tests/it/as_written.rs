//! Certificates and requests as other programs write them.

use std::fs;

use lab_test::lacks;
use x509_parser::pem::parse_x509_pem;

use crate::place::Place;

#[test]
fn a_certificate_is_read_in_every_way_that_is_in_use() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    let pem = place.read("certs/123456_cert.pem");
    let expected = place.done("show certs/123456_cert.pem");
    for text in [
        format!("\u{feff}{pem}"),
        pem.replace('\n', "\r\n"),
        pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
        pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        format!("Certificate:\n    Data: \u{e9}\n{pem}"),
        pem.replace('\n', "  \n"),
    ] {
        place.write("x.pem", &text);
        assert_eq!(place.done("show x.pem"), expected, "{text}");
        place.done("verify x.pem --name localhost");
    }
    // Where a file without a newline at its end was joined with another.
    let glued = format!("{}{}", pem.trim_end(), place.read("certs/cacert.pem"));
    place.write("x.pem", glued);
    assert_eq!(place.done("show x.pem"), format!("{expected}\n{}", place.done("show certs/cacert.pem")));
    place.done("verify x.pem");
    // The CA's own files as well.
    let (ca, key) = (place.read("certs/cacert.pem"), place.read("certs/cakey.pem"));
    place.write("certs/cacert.pem", format!("\u{feff}{}", ca.replace("CERTIFICATE", "X509 CERTIFICATE")));
    place.write("certs/cakey.pem", format!("\u{feff}{}", key.replace('\n', "\r\n")));
    place.write("certs/123456.csr", format!("\u{feff}{}", place.read("certs/123456.csr")));
    place.done("sign certs/123456.csr --force");
    place.done("verify certs/123456_cert.pem --name localhost");
}

#[test]
fn a_chain_that_is_cut_is_an_error_that_names_the_certificate() {
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    let (own, ca) = (place.read("certs/123456_cert.pem"), place.read("certs/cacert.pem"));
    for (second, complaint) in [
        (&ca[..ca.len() / 2], "its second certificate is cut short: it has no line -----END CERTIFICATE-----"),
        (&ca.replace("-----BEGIN", "----BEGIN"), "END line without the BEGIN line of its second PEM block"),
        (&ca.replacen("MII", "M!I", 1), "its second certificate is damaged"),
    ] {
        place.write("chain.pem", format!("{own}{second}"));
        for task in ["show", "verify"] {
            place.refused(&format!("{task} chain.pem"), 1, &["error: chain.pem: ", complaint]);
        }
    }
}

#[test]
fn a_file_in_another_form_is_named_with_the_command_that_converts_it() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    for (from, task, to, found) in [
        ("123456_cert.pem", "x509", "c.der", "a certificate in DER"),
        ("123456.csr", "req", "r.der", "a certificate request in DER"),
        ("123456_key.pem", "pkey", "k.der", "a private key in DER"),
    ] {
        place.openssl_does(&format!("{task} -in certs/{from} -outform DER -out {to}"));
        let pem = to.replace(".der", ".pem");
        let command = format!("openssl {task} -inform DER -in {to} -out {pem}");
        let outcome = place.refused(&format!("show {to}"), 1, &[to, found, &format!("hint: convert it: {command}")]);
        place.refused(&format!("sign {to}"), 1, &[to, found]);
        // It does.
        place.openssl_does(command.strip_prefix("openssl ").unwrap());
        assert!(place.read(&pem).starts_with("-----BEGIN "), "{}", outcome.stderr());
    }
    place
        .openssl_does("pkcs12 -export -in certs/123456_cert.pem -inkey certs/123456_key.pem -passout pass: -out b.p12");
    place.refused("show b.p12", 1, &["b.p12", "PKCS#12", "openssl pkcs12 -nodes -in b.p12 -out b.pem"]);
    place.openssl_does("crl2pkcs7 -nocrl -certfile certs/123456_cert.pem -outform DER -out b.p7b");
    place.refused("show b.p7b", 1, &["b.p7b", "PKCS#7", "-print_certs -in b.p7b -out b.pem"]);
    let wide = place.read("certs/123456_cert.pem").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for bytes in [[&b"\xff\xfe"[..], &wide].concat(), wide] {
        place.write("my file.txt", bytes);
        let shown = place.start(env!("CARGO_BIN_EXE_ttp"), &["show", "my file.txt"]);
        let outcome = lab_test::finish(shown);
        let expected = ["UTF-16", "hint: convert it: iconv -f UTF-16 -t UTF-8 'my file.txt' > 'my file.pem'"];
        lab_test::check_error(&outcome, 1, &expected);
    }
}

#[test]
fn trusted_certificates_of_openssl_lose_what_is_behind_them() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.done("issue 123456 --key p-256");
    place.openssl_does("x509 -in certs/123456_cert.pem -trustout -addtrust serverAuth -setalias x -out trusted.pem");
    assert!(place.read("trusted.pem").contains("BEGIN TRUSTED CERTIFICATE"));
    assert_eq!(place.done("show trusted.pem"), place.done("show certs/123456_cert.pem"));
    place.done("verify trusted.pem --name localhost");
}

#[test]
fn a_subject_is_read_in_every_type_of_text() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("ecparam -genkey -noout -name prime256v1 -out key.pem");
    for (mask, text, shown) in [
        ("nombstr", "a_b*c", "a_b*c"),
        ("MASK:0x800", "a_b", "a_b"),
        ("MASK:0x4", "Zo\u{eb}", "Zo\u{eb}"),
        ("default", "\u{7f57}", "\u{7f57}"),
    ] {
        fs::write(
            place.path("x.cnf"),
            format!(
                "[req]\nstring_mask={mask}\nutf8=yes\nprompt=no\ndistinguished_name=dn\n[dn]\nO={text}\nCN=123456\n"
            ),
        )
        .unwrap();
        place.openssl_does("req -new -utf8 -config x.cnf -key key.pem -out 123456.csr");
        let subject = format!("O={shown}, CN=123456\n");
        for file in ["123456.csr", "123456_cert.pem"] {
            place.done("sign 123456.csr --force");
            let told = place.done(&format!("show {file}"));
            assert!(told.contains(&subject), "{mask}: {told}");
        }
    }
}

#[test]
fn every_purpose_and_every_extension_is_named_with_its_identifier() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("ecparam -name secp521r1 -genkey -noout -out p521.pem");
    place.openssl_does(
        "req -x509 -new -key p521.pem -subj /CN=x -out x.pem -addext extendedKeyUsage=serverAuth,codeSigning,1.2.3.4 \
         -addext 1.3.6.1.4.1.99999.7=critical,DER:0500 -addext nameConstraints=permitted;DNS:a.test,excluded;DNS:b.a.test",
    );
    let shown = place.done("show x.pem");
    for (label, value) in [
        ("key", "elliptic curve, 521 bits"),
        ("purpose", "TLS server, code signing (1.3.6.1.5.5.7.3.3), 1.2.3.4"),
        ("may vouch for", "a.test, but not for b.a.test"),
    ] {
        let line = format!("{:<20} {value}", format!("{label}:"));
        assert!(shown.lines().any(|shown| shown == line), "no '{line}' in\n{shown}");
    }
    let other = shown.lines().find_map(|line| line.strip_prefix("other extensions:    ")).unwrap();
    assert!(other.contains("subjectKeyIdentifier (2.5.29.14)"), "{other}");
    assert!(other.ends_with("1.3.6.1.4.1.99999.7, critical"), "{other}");

    place.openssl_does("genrsa -out key.pem 2048");
    place.openssl_does(
        "req -new -key key.pem -subj /CN=x -out x.csr -addext extendedKeyUsage=serverAuth,emailProtection,1.2.3.4 \
         -addext 1.3.6.1.4.1.99999.7=DER:0500",
    );
    let stderr = place.ttp("sign x.csr --force").stderr();
    for left_out in [
        "a purpose other than TLS (extended key usage): mail (1.3.6.1.5.5.7.3.4), 1.2.3.4; it is left out",
        "an extension that this CA does not issue: 1.3.6.1.4.1.99999.7; it is left out",
    ] {
        assert!(stderr.contains(&format!("warning: the request asks for {left_out}\n")), "{stderr}");
    }
}

#[test]
fn a_request_is_shown_and_one_signed_with_md5_is_refused_for_that() {
    if lacks("openssl") {
        return;
    }
    let place = Place::with_ca();
    place.openssl_does("genrsa -out key.pem 2048");
    place.openssl_does(
        "req -new -key key.pem -subj /C=CH/CN=123456 -out x.csr -addext subjectAltName=DNS:pmu.test,IP:::1",
    );
    let shown = place.done("show x.csr");
    for (label, value) in [
        ("request of", "C=CH, CN=123456"),
        ("key", "RSA, 2048 bits"),
        ("signed with", "sha256WithRSAEncryption"),
        ("names (SAN)", "pmu.test, ::1"),
    ] {
        let line = format!("{:<20} {value}", format!("{label}:"));
        assert!(shown.lines().any(|shown| shown == line), "no '{line}' in\n{shown}");
    }
    place.openssl_does("req -new -md5 -key key.pem -subj /CN=123456 -out x.csr");
    place.refused(
        "sign x.csr",
        1,
        &["x.csr", "signed with MD5", "hint: make the request anew: openssl req -new -sha256"],
    );
    assert!(place.done("show x.csr").contains("md5WithRSAEncryption (not checked here)"));
    place.openssl_does("req -new -sha256 -sigopt rsa_padding_mode:pss -key key.pem -subj /CN=123456 -out pss.csr");
    assert!(place.done("show pss.csr").contains("(not checked here)"));
    place.refused("sign pss.csr", 1, &["pss.csr", "which is not checked here: expected RSA or ECDSA"]);
    place.openssl_does("req -new -sha512 -key key.pem -subj /CN=123456 -out x.csr");
    place.done("sign x.csr");
    let request = std::fs::read_to_string(place.path("x.csr")).unwrap();
    std::fs::write(place.path("two.csr"), request.repeat(2)).unwrap();
    place.refused("sign two.csr", 1, &["two.csr: holds 2 certificate requests"]);
    // A signature that does not fit is said, as far as a file is only shown.
    let (_, pem) = parse_x509_pem(place.read("x.csr").as_bytes()).unwrap();
    let mut der = pem.contents;
    *der.last_mut().unwrap() ^= 1;
    let text = crate::requests::base64(&der);
    place.write("x.csr", format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"));
    assert!(place.done("show x.csr").contains("the signature does not fit"));
}
