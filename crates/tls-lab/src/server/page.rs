//! The page that tells clients what their own handshake agreed on.

use labnet::escape::escape;
use tls_trace::Suite;

use super::connection::HttpsConnection;

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
    let rows: String = facts.iter().map(|(label, value)| row(label, value)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Your TLS connection</title>\n\
         </head>\n<body>\n<h1>Your TLS connection</h1>\n<table>\n{rows}</table>\n</body>\n</html>\n"
    )
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

    #[test]
    fn nothing_that_a_client_chose_is_markup() {
        let row = row("x", "<script>alert(\"a\")</script>&'\x1b");
        assert_eq!(
            row,
            "<tr><th>x</th><td>&lt;script&gt;alert(&quot;a&quot;)&lt;/script&gt;&amp;&#39;\\x1b</td></tr>\n"
        );
    }
}
