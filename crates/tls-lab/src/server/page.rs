//! The page that shows clients their own handshake: what it agreed on, its messages, and the server's certificate.

use labnet::escape::escape;
use tls_trace::{Direction, Entry, Suite};

use super::connection::HttpsConnection;

/// The style, with the colours and the type of the report's page.
const STYLE: &str = include_str!("style.css");

/// The page, in HTML; all that the client chose is escaped.
pub(super) fn render(client: &HttpsConnection) -> String {
    let negotiated = client.negotiated();
    let openssl = Suite::of(negotiated.cipher_suite_number).openssl.unwrap_or_default();
    let text = |bytes: &[u8]| escape(bytes).to_string();
    let facts = [
        ("TLS version", negotiated.version.clone()),
        ("Cipher suite (IANA)", negotiated.cipher_suite.clone()),
        ("Cipher suite (OpenSSL)", openssl.to_owned()),
        ("Key exchange group", negotiated.group.clone().unwrap_or_else(|| "none".to_owned())),
        ("Application protocol (ALPN)", negotiated.alpn.as_deref().map_or_else(|| "none".to_owned(), text)),
        ("Server name you asked for (SNI)", client.server_name().unwrap_or("none").to_owned()),
        ("Subject of your certificate", client.subject().unwrap_or_else(|| "you presented none".to_owned())),
        ("Your address", client.peer().to_string()),
    ];
    let page = [
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Your TLS connection</title>\n<style>\n",
        STYLE,
        "</style>\n</head>\n<body>\n<header><h1>Your TLS connection</h1></header>\n<main>\n<h2>What was agreed</h2>\n",
        &table(facts.iter().map(|(label, value)| (*label, value.as_str()))),
        "<h2>The handshake</h2>\n<p>Its messages in their order, as they reached this server or left it. \
         What is encrypted, only the two sides can read.</p>\n<ol>\n",
        &client.handshake().iter().map(message).collect::<String>(),
        "</ol>\n<h2>The server’s certificate</h2>\n",
        &client
            .chain()
            .enumerate()
            .map(|(number, certificate)| self::certificate(number, certificate))
            .collect::<String>(),
        "</main>\n</body>\n</html>\n",
    ];
    page.concat()
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    format!("<table>\n{}</table>\n", rows.map(|(label, value)| row(label, value)).collect::<String>())
}

/// A message of the handshake; its fields are folded.
fn message(entry: &Entry) -> String {
    let from = match entry.direction {
        Some(Direction::Sent) => "client → server",
        Some(Direction::Received) => "server → client",
        None => "",
    };
    let encrypted = if entry.encrypted { ", encrypted" } else { "" };
    let at = entry.at.map(|at| format!(", after {:.1} ms", at.as_secs_f64() * 1e3)).unwrap_or_default();
    let title = format!("{from} <b>{}</b>, {} bytes{encrypted}{at}", html(&entry.name), entry.len);
    if entry.details.is_empty() {
        return format!("<li>{title}</li>\n");
    }
    let field = |(label, value): &(String, String)| format!("<li>{}: {}</li>\n", html(label), html(value));
    let fields: String = entry.details.iter().map(field).collect();
    format!("<li><details><summary>{title}</summary>\n<ul class=\"fields\">\n{fields}</ul></details></li>\n")
}

/// A certificate of the chain; those of CAs are folded.
fn certificate(number: usize, der: &[u8]) -> String {
    let facts = ttp::facts(der).unwrap_or_default();
    let rows = table(facts.iter().map(|(label, value)| (*label, value.as_str())));
    if number == 0 {
        return rows;
    }
    format!("<details><summary>Certificate {} of the chain</summary>\n{rows}</details>\n", number + 1)
}

fn row(label: &str, value: &str) -> String {
    format!("<tr><th>{label}</th><td>{}</td></tr>\n", html(&escape(value.as_bytes()).to_string()))
}

/// Text that no browser takes for anything else.
fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables of a style sheet: `--ink: #1d1f21`.
    fn variables(style: &str) -> Vec<&str> {
        style.lines().map(str::trim).filter(|line| line.starts_with("--")).collect()
    }

    #[test]
    fn colours_and_type_are_those_of_the_report() {
        let report = variables(include_str!("../../../lab-page/src/style.css"));
        let ours = variables(STYLE);
        assert!(ours.len() > 12);
        assert!(ours.iter().all(|variable| report.contains(variable)), "{ours:?}");
    }

    #[test]
    fn nothing_that_a_client_chose_is_markup() {
        let row = row("x", "<script>alert(\"a\")</script>&'\x1b");
        assert_eq!(
            row,
            "<tr><th>x</th><td>&lt;script&gt;alert(&quot;a&quot;)&lt;/script&gt;&amp;&#39;\\x1b</td></tr>\n"
        );
    }
}
