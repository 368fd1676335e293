//! Parts 2 and 5: all messages, each on its line, and the whole text.

use lab_diagnosis::{Display, FindingId, Severity, TextDisplay};
use lab_testbed::facts::{Layer, Scenario, SentMessages, Transfer};
use labnet::pmu::{FLOOD_LEN, FloodText, PREFIX};

use super::{Mismatch, Seen};
use crate::excerpt;

/// Each message that was sent is shown once, in order.
///
/// # Errors
/// The first line that differs.
pub fn messages(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let settings = &seen.facts.run.settings;
    let sent = SentMessages { first: settings.first, count: settings.messages };
    let Some(program) = seen.program() else { return Err(Mismatch::new("a run of the program", "none")) };
    reads_all(seen)?;
    let display = Display::of_messages(&program.stdout.text, sent);
    let numbers: Vec<u64> = (sent.first..sent.first.saturating_add(sent.count)).collect();
    let is_clean = display.oddities.iter().all(|(id, _)| id.severity() == Severity::Remark);
    if display.numbers() == numbers && is_clean {
        return Ok(());
    }
    let prefix = String::from_utf8_lossy(PREFIX);
    let lines: Vec<String> = numbers.iter().map(|number| format!("{prefix}{number}")).collect();
    let differs = excerpt::of_lines(&lines, &program.stdout.text).map(Mismatch::from);
    Err(differs.unwrap_or_else(|| Mismatch::new("each message once", excerpt::shortened(&program.stdout.text))))
}

/// No message is shown that did not come: the answer was cut within the third.
///
/// # Errors
/// What was shown.
pub fn no_more_than_came(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let settings = &seen.facts.run.settings;
    let Some(program) = seen.program() else { return Err(Mismatch::new("a run of the program", "none")) };
    let sent = SentMessages { first: settings.first, count: settings.messages };
    let shown = Display::of_messages(&program.stdout.text, sent).numbers();
    if shown.iter().zip(sent.first..).all(|(shown, sent)| *shown == sent) && shown.len() <= 2 {
        return Ok(());
    }
    Err(Mismatch::new("the two messages that came whole, or none", excerpt::shortened(&program.stdout.text)))
}

/// The same of frames of text, which a program need not take.
///
/// # Errors
/// The first line that differs.
pub fn messages_in_text(seen: &Seen<'_>) -> Result<(), Mismatch> {
    if seen.has(FindingId::BinaryOnly) { Ok(()) } else { messages(seen) }
}

/// The findings alone decide.
///
/// # Errors
/// None.
pub fn nothing_more(_: &Seen<'_>) -> Result<(), Mismatch> {
    Ok(())
}

/// The text of the settings is shown as it is.
///
/// # Errors
/// The first place that differs.
pub fn flood(seen: &Seen<'_>) -> Result<(), Mismatch> {
    shows(seen, &seen.facts.run.settings.flood_text())
}

/// The text with characters of several bytes is.
///
/// # Errors
/// The first place that differs.
pub fn flood_utf8(seen: &Seen<'_>) -> Result<(), Mismatch> {
    shows(seen, &String::from_utf8_lossy(&FloodText::Utf8.text(FLOOD_LEN)))
}

/// A program of part 2 that closes before the answer has come shows something that it has not read.
fn reads_all(seen: &Seen<'_>) -> Result<(), Mismatch> {
    let measured = &seen.facts.measured;
    let transfer = match seen.case.experiment {
        Scenario::ShortAtOnce => measured.short_at_once.measured(),
        Scenario::ShortPaced => measured.short_paced.measured(),
        Scenario::ShortOpen => measured.short_open.measured(),
        Scenario::ShortNoDelay => measured.short_no_delay.measured(),
        Scenario::ShortPieces => measured.short_pieces.measured(),
        Scenario::FloodUtf8 => measured.flood_utf8.measured(),
        Scenario::Flood => measured.floods.measured().and_then(|floods| floods.first()).map(|flood| &flood.transfer),
        _ => None,
    };
    let all = transfer.map_or(0, |transfer| transfer.layer(Layer::Messages));
    let close = transfer.and_then(Transfer::used_attempt).and_then(|attempt| attempt.close.as_ref());
    match close.filter(|close| close.bytes_before < all) {
        None => Ok(()),
        Some(close) => {
            let got = format!("it closed the connection after {} bytes", close.bytes_before);
            Err(Mismatch::new(format!("all {all} bytes of the answer are read"), got))
        }
    }
}

fn shows(seen: &Seen<'_>, text: &str) -> Result<(), Mismatch> {
    let Some(program) = seen.program() else { return Err(Mismatch::new("a run of the program", "none")) };
    reads_all(seen)?;
    let stdout = &program.stdout;
    let is_shown = if stdout.is_whole() {
        matches!(
            TextDisplay::of(&stdout.text, text),
            TextDisplay::Whole | TextDisplay::WithOtherText | TextDisplay::WithOtherLines
        ) || (text.is_empty() && stdout.text.trim().is_empty())
    } else {
        // Of a large output the beginning was kept: a newline may follow the text.
        text.starts_with(&stdout.text) && (text.len()..=text.len() + 2).contains(&(stdout.bytes as usize))
    };
    if is_shown {
        return Ok(());
    }
    let differs = excerpt::of_text(text, &stdout.text).map(Mismatch::from);
    let sizes = || Mismatch::new(format!("{} bytes", text.len()), format!("{} bytes", stdout.bytes));
    Err(differs.filter(|_| stdout.is_whole()).unwrap_or_else(sizes))
}
