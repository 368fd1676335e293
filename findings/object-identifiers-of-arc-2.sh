#!/bin/sh
# asn1-rs 0.7.2 (crates.io), on object identifiers below arc 2 whose second number is above 39.
#
# Expected: X.690, section 8.19.4, puts the first two numbers X and Y into one, X * 40 + Y. X is at most 2, and below 2 the
# second number has no upper limit: the bytes 88 37 04 are 2.999.4 (ITU-T's example arc), 81 34 are 2.100.
# Seen: the first byte alone is divided by 40: 3.16.55.4 and 3.9.52. An identifier below 1.x and 0.x, and 2.y up to 2.39,
# is right. Whoever shows, compares or writes again what it decodes has another identifier than the one in the file.
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
asn1-rs = "=0.7.2"
TOML
cat >"$work/src/main.rs" <<'RUST'
use asn1_rs::{FromDer, Oid};

fn main() {
    for (der, right) in [
        (&[0x06, 3, 0x2a, 0x03, 0x04][..], "1.2.3.4"),
        (&[0x06, 3, 0x55, 0x04, 0x03], "2.5.4.3"),
        (&[0x06, 2, 0x81, 0x34], "2.100"),
        (&[0x06, 3, 0x88, 0x37, 0x04], "2.999.4"),
    ] {
        let (_, shown) = Oid::from_der(der).expect("an object identifier");
        println!("{right} is shown as {shown}");
    }
}
RUST
seen=$(cargo run --quiet --manifest-path "$work/Cargo.toml")
printf 'asn1-rs 0.7.2\n%s\n' "$seen"
test "$seen" = '1.2.3.4 is shown as 1.2.3.4
2.5.4.3 is shown as 2.5.4.3
2.100 is shown as 3.9.52
2.999.4 is shown as 3.16.55.4'
