//! PEM as it is found: every way to write it, and every way to damage it.

use super::*;

/// 39 bytes in DER, which the reader takes for a certificate: it looks at the length alone.
const DER: [u8; 39] = {
    let mut der = [7; 39];
    // A SEQUENCE with an OCTET STRING in it.
    (der[0], der[1], der[2], der[3]) = (0x30, 37, 4, 35);
    der
};

const BASE64: &str = "MCUEIwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

fn pem(label: &str) -> String {
    format!("-----BEGIN {label}-----\n{BASE64}\n-----END {label}-----\n")
}

fn certificates(text: &str) -> Result<usize, String> {
    let blocks = blocks(text)?;
    let is_ours = |block: &&Block| matches!(block, Block::Known(Item::X509Certificate(der)) if **der == DER);
    Ok(blocks.iter().filter(is_ours).count())
}

#[test]
fn a_certificate_is_read_however_it_is_written() {
    let one = pem("CERTIFICATE");
    let other = |from: &str, to: &str| one.replace(from, to);
    for (text, expected) in [
        (one.clone(), 1),
        (other("\n", "\r\n"), 1),
        (other("\n", "\r"), 1),
        (other("\n", "  \t\n"), 1),
        (other("\n", "\n\n"), 1),
        (other("\n", ""), 1),
        (other("\n", " "), 1),
        (other("BwcH", "BwcH\n"), 1),
        (one.trim_end().to_owned(), 1),
        (format!("   {one}"), 1),
        (format!("Certificate:\n    Data: \u{fffd}\n{one}# the end\n"), 1),
        (format!("# begins with -----BEGIN CERTIFICATE-----\n{one}"), 1),
        (pem("X509 CERTIFICATE"), 1),
        (pem("TRUSTED CERTIFICATE"), 1),
        (one.repeat(3), 3),
        (format!("{}{one}", one.trim_end()), 2),
        (format!("{}{}{one}", pem("EC PARAMETERS"), pem("X509 CRL")), 1),
        (format!("-----BEGIN DH PARAMETERS-----\n!\n-----END DH PARAMETERS-----\n{one}"), 1),
        (String::new(), 0),
    ] {
        assert_eq!(certificates(&text), Ok(expected), "{text}");
    }
    // OpenSSL's has its own structure behind the certificate.
    let trusted = pem("TRUSTED CERTIFICATE").replace(BASE64, &format!("{BASE64}MAA="));
    assert_eq!(certificates(&trusted), Ok(1));
}

#[test]
fn a_block_that_is_damaged_is_named() {
    let one = pem("CERTIFICATE");
    let no_end = one.replace("-----END CERTIFICATE-----\n", "");
    let short = one.replace("BwcHBwcH\n", "Bwc=\n");
    for (text, expected) in [
        (no_end.clone(), "its certificate is cut short: it has no line -----END CERTIFICATE-----"),
        (format!("{no_end}{one}"), "its first certificate is cut short: it has no line"),
        (format!("{one}{no_end}"), "its second certificate is cut short: it has no line"),
        (format!("{one}{}", no_end.get(..40).unwrap()), "its second certificate is cut short"),
        (format!("{one}{one}-----BEGIN CERTIF"), "has a damaged BEGIN line of its third PEM block"),
        (one.replace("-----BEGIN", "----BEGIN"), "has an END line without the BEGIN line of its first PEM block"),
        (format!("{one}{}", one.replace("-----BEGIN", "----BEGIN")), "of its second PEM block"),
        (one.replace("END CERTIFICATE", "END PRIVATE KEY"), "its certificate is cut short"),
        (format!("{one}{short}"), "its second certificate is cut short: it has 35 of 39 bytes"),
        (one.replace("BwcH\n", "Bw!H\n"), "its certificate is damaged: it is no base64"),
        (format!("{one}-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), "its second certificate is damaged"),
        (
            format!("{one}-----BEGIN CERTIFICATE-----\naGVsbG8gd29ybGQ=\n-----END CERTIFICATE-----\n"),
            "its second certificate is damaged: it is no certificate",
        ),
        (one.replace("MCUE", "MCUF").replace("IwcH", "qgcH"), "its certificate is damaged at byte 2 of the 39"),
        (pem("PRIVATE KEY").replace("IwcH", "JAcH"), "its private key is damaged at byte 2 of the 39"),
        (pem("CERTIFICATE REQUEST").replace("MCUE", "MDUE"), "its certificate request is cut short: it has 39 of 55"),
        (pem("EC PRIVATE KEY").replace("MCUE", "MSUE"), "its private key is damaged: it is no private key"),
        (one.replace(BASE64, &format!("{BASE64}MAA=")), "its certificate has something behind it: 2 bytes"),
        (format!("{}{}", pem("PRIVATE KEY"), no_end), "its certificate is cut short"),
        (one.repeat(12) + &no_end, "its 13th certificate is cut short"),
    ] {
        let complaint = blocks(&text).unwrap_err();
        assert!(complaint.contains(expected), "{complaint}: {text}");
    }
}

#[test]
fn a_key_under_a_passphrase_is_told_from_others() {
    let body = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n{BASE64}");
    let legacy = pem("RSA PRIVATE KEY").replace(BASE64, &body);
    for text in [pem("ENCRYPTED PRIVATE KEY"), legacy] {
        assert_eq!(blocks(&text), Ok(vec![Block::EncryptedKey]));
    }
    assert!(matches!(blocks(&pem("PRIVATE KEY")).unwrap()[..], [Block::Known(Item::Pkcs8Key(_))]));
    assert!(matches!(blocks(&pem("NEW CERTIFICATE REQUEST")).unwrap()[..], [Block::Known(Item::Csr(_))]));
}

/// Whatever is cut or changed: never fewer certificates than there were, without an error.
#[test]
fn no_certificate_of_a_chain_is_lost_in_silence() {
    let text = pem("CERTIFICATE").repeat(3);
    let second = text.find("\n-----BEGIN").unwrap();
    for at in second + "\n-----BEGIN ".len()..text.len() - 1 {
        let cut = &text[..at];
        let whole = cut.matches("-----END CERTIFICATE-----").count();
        let begun = cut.matches("-----BEGIN ").count();
        assert!(certificates(cut) == Ok(whole) && begun == whole || certificates(cut).is_err(), "cut to {at} bytes");
    }
    let mut lost = Vec::new();
    for at in 0..text.len() {
        for change in ["", "x", "\n", "-", "\u{202e}"] {
            let mut changed = text.clone();
            changed.replace_range(at..=at, change);
            if certificates(&changed).is_ok_and(|found| found < 2) {
                lost.push((at, change));
            }
        }
    }
    assert_eq!(lost, []);
}

#[test]
fn a_length_is_no_longer_than_it_says() {
    for (der, expected) in [
        (&b"\x30\x00"[..], Some(2)),
        (b"\x30\x7f", Some(129)),
        (b"\x30\x82\x01\x00", Some(260)),
        (b"\x30\x84\xff\xff\xff\xff", usize::try_from(u64::from(u32::MAX) + 6).ok()),
        (b"\x30\x85\0\0\0\0\x01", None),
        (b"\x30\x82\x01", None),
        (b"\x30\x80", None),
        (b"\x31\x00", None),
        (b"\x30", None),
        (b"", None),
    ] {
        assert_eq!(der_len(der), expected, "{}", der.escape_ascii());
    }
}
