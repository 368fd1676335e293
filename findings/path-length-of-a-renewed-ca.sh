#!/bin/sh
# rustls-webpki 0.103.16 (crates.io) and OpenSSL (3.0 or newer), on a CA that certified its own new key.
#
#   Root ── Issuing CA (old key, pathlen N) ── Issuing CA (new key, self-issued, pathlen N) ── localhost
#
# Expected: RFC 5280, section 4.2.1.9, counts the intermediates that are not self-issued, so the chain is good with
# pathlen 0 as with 1, and OpenSSL says so.
# Seen: webpki counts the self-issued one too. With pathlen 0 it refuses the chain, and what it reports is not the path
# length but InvalidSignatureForPublicKey, of another try; with pathlen 1 it accepts.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
rustls-webpki = { version = "=0.103.16", default-features = false, features = ["std", "ring"] }
rustls-pki-types = { version = "=1.13.0", features = ["std"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use std::{fs, time::SystemTime};

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let [root, old, new, leaf] = ["root", "old", "new", "leaf"]
        .map(|name| CertificateDer::from(fs::read(format!("{folder}/{name}.der")).expect("a certificate")));
    let anchors = [anchor_from_trusted_cert(&root).expect("a root")];
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    let verified = EndEntityCert::try_from(&leaf).expect("a leaf").verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &anchors,
        &[new, old],
        UnixTime::since_unix_epoch(since_epoch),
        KeyUsage::server_auth(),
        None,
        None,
    ).map(|_| "accepts");
    println!("{verified:?}");
}
RUST

# certify NAME SUBJECT ISSUER EXTENSIONS
certify() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
    printf '%b' "$4" >extensions
    openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -days 30 -extfile extensions -out "$1.pem" 2>/dev/null
}
cd "$work"
openssl version
for pathlen in 0 1; do
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out root.key
    openssl req -x509 -new -key root.key -subj "/CN=Root" -days 30 -addext keyUsage=critical,keyCertSign -out root.pem
    ca="keyUsage=critical,keyCertSign\nbasicConstraints=critical,CA:true,pathlen:$pathlen\n"
    certify old "/CN=Issuing CA" root "$ca"
    certify new "/CN=Issuing CA" old "$ca"
    certify leaf "/CN=localhost" new 'subjectAltName=DNS:localhost\n'
    for name in root old new leaf; do openssl x509 -in $name.pem -outform DER -out $name.der; done
    cat new.pem old.pem >intermediates.pem
    printf 'pathlen %s: OpenSSL %s\n' $pathlen "$(openssl verify -CAfile root.pem -untrusted intermediates.pem leaf.pem)"
    printf 'pathlen %s: webpki %s\n' $pathlen "$(cargo run --quiet -- "$work")"
done | tee seen
test "$(cat seen)" = 'pathlen 0: OpenSSL leaf.pem: OK
pathlen 0: webpki Err(InvalidSignatureForPublicKey)
pathlen 1: OpenSSL leaf.pem: OK
pathlen 1: webpki Ok("accepts")'
