//! Part 6: what the clients of a PMU got.

use lab_testbed::facts::{AnswerEnd, ClientKind, PmuClient, SentMessages, Status};
use labnet::pmu::PREFIX;

use super::{Mismatch, Seen};
use crate::excerpt::shortened;

/// A client that verifies the PMU got its messages.
///
/// # Errors
/// What it got instead.
pub fn session(seen: &Seen<'_>) -> Result<(), Mismatch> {
    if seen.facts.measured.status(seen.case.experiment) != Status::Done {
        return Err(Mismatch::new("a TLS session", "none"));
    }
    let tls = seen.facts.measured.tls.iter().filter_map(|tls| tls.measured());
    let lines = tls.filter(|tls| lab_testbed::facts::Scenario::Tls(tls.offered) == seen.case.experiment);
    let lines = lines.flat_map(|tls| &tls.transfer.client.lines).map(String::as_str).collect::<Vec<_>>().join("\n");
    in_order(&lines)
}

/// The findings alone decide.
///
/// # Errors
/// None.
pub fn nothing_more(_: &Seen<'_>) -> Result<(), Mismatch> {
    Ok(())
}

/// The first client got its messages and the end.
///
/// # Errors
/// What it got instead.
pub fn first(seen: &Seen<'_>) -> Result<(), Mismatch> {
    served(seen, ClientKind::First)
}

/// The second one did.
///
/// # Errors
/// What it got instead.
pub fn second(seen: &Seen<'_>) -> Result<(), Mismatch> {
    served(seen, ClientKind::Second)
}

/// Two at once did.
///
/// # Errors
/// What one of them got instead.
pub fn at_once(seen: &Seen<'_>) -> Result<(), Mismatch> {
    served(seen, ClientKind::AtOnce)
}

/// The clients of the experiment.
pub(crate) fn clients<'a>(seen: &Seen<'a>) -> &'a [PmuClient] {
    seen.facts.measured.pmu_clients.measured().map_or(&[], |facts| facts.clients.as_slice())
}

fn served(seen: &Seen<'_>, kind: ClientKind) -> Result<(), Mismatch> {
    let mut clients = clients(seen).iter().filter(|client| client.kind == kind).peekable();
    if clients.peek().is_none() {
        return Err(Mismatch::new("a client that is served", "the PMU did not get that far"));
    }
    clients.try_for_each(|client| {
        if !client.is_secured {
            let why = client.complaint.as_deref().map_or_else(|| "no handshake".to_owned(), shortened);
            return Err(Mismatch::new("a TLS handshake", why));
        }
        in_order(&format!("{}{}", client.early, client.answer))?;
        match client.end {
            AnswerEnd::CloseNotify | AnswerEnd::Fin => Ok(()),
            other => Err(Mismatch::new("the end of the connection after the messages", format!("{other:?}"))),
        }
    })
}

/// Whether an answer has messages that go up one by one, from 0 or 1, and at least two.
fn in_order(answer: &str) -> Result<(), Mismatch> {
    let prefix = String::from_utf8_lossy(PREFIX);
    let number = |piece: &str| piece.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok();
    let numbers: Vec<u64> = answer.split(prefix.as_ref()).skip(1).filter_map(number).collect();
    let sent = SentMessages { first: numbers.first().copied().unwrap_or(1), count: numbers.len() as u64 };
    let is_in_order = numbers.iter().copied().eq(sent.first..sent.first + sent.count);
    if is_in_order && sent.first <= 1 && sent.count > 1 {
        return Ok(());
    }
    Err(Mismatch::new(format!("{prefix}1{prefix}2…"), shortened(answer)))
}
