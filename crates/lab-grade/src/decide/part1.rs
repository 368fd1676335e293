//! Part 1: what Code A to D print.

use lab_testbed::facts::{DatagramFacts, Echo};

use super::{Mismatch, Seen};
use crate::excerpt::shortened;

/// The line of Code D, in bytes (handout, section 1.2).
const LINE_LEN: u64 = 41;

fn datagram<'a>(seen: &Seen<'a>) -> Result<&'a DatagramFacts, Mismatch> {
    seen.facts.measured.datagram.measured().ok_or_else(|| Mismatch::new("a datagram", "none"))
}

fn echo<'a>(seen: &Seen<'a>) -> Result<&'a Echo, Mismatch> {
    seen.facts.measured.echo.measured().ok_or_else(|| Mismatch::new("an echo", "none"))
}

fn has_line(lines: &[String], words: &[&str]) -> Result<(), Mismatch> {
    let is_wanted = |line: &String| words.iter().all(|word| line.contains(word));
    if lines.iter().any(is_wanted) {
        return Ok(());
    }
    Err(Mismatch::new(format!("a line with {}", words.join(" and ")), shortened(&lines.join("\n"))))
}

/// `Message sent`, and a datagram with text.
///
/// # Errors
/// What it printed instead.
pub fn code_a(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let facts = datagram(seen)?;
    if facts.text.trim().is_empty() {
        return Err(Mismatch::new("a datagram with text", "an empty one"));
    }
    has_line(&facts.client_output, &["Message sent"])
}

/// `Received data: …` and `From Address: …`.
///
/// # Errors
/// What it printed instead.
pub fn code_b(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let facts = datagram(seen)?;
    has_line(&facts.server_output, &["Received data:", facts.text.trim()])?;
    has_line(&facts.server_output, &["From Address:"])
}

/// The lines `received: …` have all of the line that was sent.
///
/// # Errors
/// What it printed instead.
pub fn code_c(seen: &Seen<'_>) -> Result<(), Mismatch> {
    received_all(&echo(seen)?.server_output)
}

/// `No more data` after the end of the client, and not before.
///
/// # Errors
/// When it printed it, or that it did not.
pub fn code_c_end(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let echo = echo(seen)?;
    match (echo.server_saw_end_before, echo.server_saw_end_after) {
        (false, true) => Ok(()),
        (true, _) => Err(Mismatch::new("No more data after the end of Code D", "No more data before it")),
        (false, false) => Err(Mismatch::new("No more data after the end of Code D", "no such line")),
    }
}

/// The same for the echo.
///
/// # Errors
/// What it printed instead.
pub fn code_d(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let echo = echo(seen)?;
    has_line(&echo.client_output, &["sending:"])?;
    received_all(&echo.client_output)
}

fn received_all(output: &[String]) -> Result<(), Mismatch> {
    // Spaces at the end of a piece may be lost in a line.
    let pieces = Echo::received_pieces(output);
    let received: u64 = pieces.iter().sum();
    if (LINE_LEN.saturating_sub(pieces.len() as u64)..=LINE_LEN).contains(&received) {
        return Ok(());
    }
    let lines = format!("{received} bytes in: {}", shortened(&output.join("\n")));
    Err(Mismatch::new(format!("{LINE_LEN} bytes in lines `received: …`"), lines))
}
