#!/bin/sh
# rustls-pemfile 2.2.0 (crates.io), on two PEM files that were joined and the first of which does not end with a newline.
#
# `cat server.pem intermediate.pem > chain.pem` then has a line `-----END CERTIFICATE----------BEGIN CERTIFICATE-----`.
# Expected: both certificates, or an error. A chain that lacks its intermediate fails at the peer, far from the cause.
# Seen: the first certificate, no error, and nothing of the second. rustls-pki-types 1.13.0, which replaces the crate, has
# the same parser, and the same answer.
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
rustls-pemfile = "=2.2.0"
rustls-pki-types = { version = "=1.13.0", features = ["std"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use rustls_pki_types::{CertificateDer, pem::PemObject};

fn main() {
    // PEM only: what is in the blocks is looked at by nobody here.
    let block = |content| format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----");
    for (name, between) in [("apart", "\n"), ("glued", "")] {
        let joined = [block("AAAA"), block("BBBB")].join(between) + "\n";
        let pemfile: Vec<_> = rustls_pemfile::certs(&mut joined.as_bytes()).collect();
        let pki_types: Vec<_> = CertificateDer::pem_slice_iter(joined.as_bytes()).collect();
        let errors = pemfile.iter().filter(|item| item.is_err()).count() + pki_types.iter().filter(|item| item.is_err()).count();
        println!("{name}: {} and {} certificates, {errors} errors", pemfile.len(), pki_types.len());
    }
}
RUST
seen=$(cargo run --quiet --manifest-path "$work/Cargo.toml")
printf 'rustls-pemfile 2.2.0, rustls-pki-types 1.13.0\n%s\n' "$seen"
test "$seen" = 'apart: 2 and 2 certificates, 0 errors
glued: 1 and 1 certificates, 0 errors'
