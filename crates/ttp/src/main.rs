//! The certificate authority: makes a certificate authority, keys and requests, signs requests, shows and verifies certificates.
//!
//! Usage: `ttp init` · `ttp request 123456` · `ttp sign certs/123456.csr` · `ttp issue server` · `ttp show FILE`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use labnet::{
    cli::{self, Console},
    escape::{Escaped, escape},
    tls::{self, Roots, TlsRole},
};
use ttp::{CaDirectory, CaOptions, CertificateOptions, Error, Issued, KeyKind, Name, Purpose, SignatureHash};

/// Make and check the certificates of the lab
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples, from key to certificate:
  ttp init                           certs/cacert.pem and certs/cakey.pem
  ttp request 123456                 certs/123456_key.pem and certs/123456.csr
  ttp sign certs/123456.csr          certs/123456_cert.pem
  ttp issue 123456 --san localhost   the last two at once
  ttp show certs/123456_cert.pem
  ttp verify certs/123456_cert.pem --name localhost
A request made by `openssl req -new -key KEY -out FILE.csr` is signed in the
same way.

The CA may vouch for localhost, server, client, names under .test and .example,
and loopback addresses only."
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
    /// The folder of the CA and of what is made here
    #[arg(long, global = true, default_value = "certs")]
    dir: PathBuf,
}

#[derive(Subcommand)]
enum Task {
    /// Make a certificate authority
    Init {
        /// The kind of its key
        #[arg(long, value_enum, default_value_t)]
        key: KeyKind,
        /// Its country, two letters
        #[arg(long, default_value = "CH")]
        country: String,
        /// How long it is valid
        #[arg(long, default_value_t = CaOptions::default().days, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
        /// Let it vouch for any name (do not import such a CA into a browser)
        #[arg(long)]
        any_name: bool,
        #[command(flatten)]
        replace: Replace,
    },
    /// Make a key and a certificate request
    Request {
        /// The owner's name, such as a Camipro number
        name: String,
        #[command(flatten)]
        owner: Owner,
        #[command(flatten)]
        names: Names,
        #[command(flatten)]
        replace: Replace,
    },
    /// Sign a certificate request
    Sign {
        /// A PEM file, such as certs/123456.csr
        file: PathBuf,
        #[command(flatten)]
        names: Names,
        #[command(flatten)]
        grant: Grant,
        #[command(flatten)]
        replace: Replace,
    },
    /// Make a key, a request and a certificate
    Issue {
        /// The owner's name
        name: String,
        #[command(flatten)]
        owner: Owner,
        #[command(flatten)]
        names: Names,
        #[command(flatten)]
        grant: Grant,
        #[command(flatten)]
        replace: Replace,
    },
    /// Show what a certificate says, or a request asks for
    Show {
        /// A PEM file
        file: PathBuf,
    },
    /// Verify a certificate, of X.509 version 3 or 1: chain, validity, purpose, and name
    Verify {
        /// A PEM file, the leaf first
        file: PathBuf,
        /// The name that it must be for: one of its SAN, or, when it has no SAN, its common name, which may be any text
        #[arg(long)]
        name: Option<String>,
        /// What it is to prove
        #[arg(long, value_enum, default_value = "server")]
        purpose: Purpose,
    },
}

#[derive(Args)]
struct Replace {
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
struct Owner {
    /// The kind of the owner's key
    #[arg(long, value_enum, default_value_t)]
    key: KeyKind,
    /// The owner's country, two letters
    #[arg(long)]
    country: Option<String>,
}

#[derive(Args)]
struct Names {
    /// A DNS name or address that the certificate is for [default: localhost, 127.0.0.1 and ::1]
    #[arg(long, value_name = "DNS-OR-IP")]
    san: Vec<Name>,
}

#[derive(Args)]
struct Grant {
    /// What the certificate may be used for [default: server; client for the name client]
    #[arg(long, value_enum)]
    purpose: Option<Purpose>,
    /// How long it is valid, at most as long as the CA
    #[arg(long, default_value_t = CertificateOptions::default().days, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// The hash that an RSA CA signs with; a P-256 one takes SHA-256
    #[arg(long, value_enum, default_value_t)]
    signature: SignatureHash,
}

fn main() -> ExitCode {
    cli::run(ttp)
}

fn ttp(arguments: Arguments, console: &Console) -> Result<(), Error> {
    let directory = CaDirectory::new(arguments.dir);
    match arguments.task {
        Task::Init { key, country, days, any_name, replace } => {
            let made = directory.init(&CaOptions { key, country, days, any_name }, replace.force)?;
            console.out.line(shown(&made))?;
        }
        Task::Request { name, owner, names, replace } => {
            let options =
                CertificateOptions { names: names.san, force: replace.force, ..CertificateOptions::default() };
            let made = directory.request(&name, owner.key, owner.country.as_deref(), &options)?;
            console.out.line(shown(&made))?;
        }
        Task::Sign { file, names, grant, replace } => {
            report(&directory.sign(&file, &options(names, &grant, &replace))?, console)?;
        }
        Task::Issue { name, owner, names, grant, replace } => {
            let options = options(names, &grant, &replace);
            report(&directory.issue(&name, owner.key, owner.country.as_deref(), &options)?, console)?;
        }
        Task::Show { file } => console.out.lines(ttp::show(&file)?)?,
        Task::Verify { file, name, purpose } => {
            let roots = Roots::load(&directory.ca_certificate())?;
            for (wanted, role) in [(Purpose::Server, TlsRole::Server), (Purpose::Client, TlsRole::Client)] {
                if purpose == wanted || purpose == Purpose::Both {
                    tls::verify_file(&file, &roots, role, name.as_deref())?;
                }
            }
            console.out.line(format_args!("{}: ok", shown(&file)))?;
        }
    }
    Ok(())
}

fn options(names: Names, grant: &Grant, replace: &Replace) -> CertificateOptions {
    CertificateOptions {
        names: names.san,
        purpose: grant.purpose,
        days: grant.days,
        signature: grant.signature,
        force: replace.force,
        ..CertificateOptions::default()
    }
}

/// A file's name, on one line.
fn shown(path: &Path) -> Escaped<'_> {
    escape(path.as_os_str().as_encoded_bytes())
}

fn report(issued: &Issued, console: &Console) -> Result<(), labnet::Error> {
    for right in &issued.refused {
        console.err.warn(format_args!("the request asks for {right}; it is left out"));
    }
    console.out.line(shown(&issued.path))
}
