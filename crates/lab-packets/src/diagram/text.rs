//! Diagrams as text.
//!
//! ```text
//!    3     0.051 ms |- - ACK - - - - - - - - - - - ->|     control
//!    4     0.210 ms |---- 11 B: CMD_short:0 -------->|     payload
//!    6     0.830 ms |<=== 18 B: … (again) ===========|     retransmission
//! ```

use super::{Arrow, ArrowKind, Diagram};

/// The number of columns between the lifelines.
const LANE_WIDTH: usize = 78;
/// The number of columns before them, for packet and time.
const MARGIN_WIDTH: usize = 20;

/// The maximum number of characters of a label in a line.
const MAX_LABEL: usize = LANE_WIDTH - 16;

pub(super) fn draw(diagram: &Diagram) -> String {
    let mut lines = wrapped(&diagram.title, MARGIN_WIDTH + LANE_WIDTH + 2);
    for [left, right] in [[&diagram.left.name, &diagram.right.name], [&diagram.left.address, &diagram.right.address]] {
        let room = (LANE_WIDTH + 2).saturating_sub(left.chars().count());
        if right.chars().count() < room {
            lines.push(format!("{:MARGIN_WIDTH$}{left}{right:>room$}", ""));
        } else {
            // Two addresses of IPv6 can be too long for one line.
            lines.push(format!("{:MARGIN_WIDTH$}{left}", ""));
            lines.push(format!("{right:>width$}", width = MARGIN_WIDTH + LANE_WIDTH + 2));
        }
    }
    lines.extend(diagram.arrows.iter().flat_map(arrow_lines));
    if let Some(legend) = legend(&diagram.arrows) {
        lines.push(legend);
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The text, wrapped between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The line of an arrow, and those of the rest of a long label.
fn arrow_lines(arrow: &Arrow) -> Vec<String> {
    let mut pieces = wrapped(&arrow.label, MAX_LABEL).into_iter();
    let first = Arrow { label: pieces.next().unwrap_or_default(), ..arrow.clone() };
    let more = pieces.map(|piece| {
        let piece = cut(&piece);
        format!("{:MARGIN_WIDTH$}|{:6}{piece:<width$}|", "", "", width = LANE_WIDTH - 6)
    });
    std::iter::once(line(&first)).chain(more).collect()
}

/// A word may be longer than a line.
fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_LABEL).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn line(arrow: &Arrow) -> String {
    let number = arrow.packet.map(|number| number.to_string()).unwrap_or_default();
    let time = match arrow.at.map(|at| (at, at.as_secs())) {
        None => "unknown".to_owned(),
        Some((at, 0..1_000)) => format!("{:.3} ms", at.as_secs_f64() * 1e3),
        Some((at, 1_000..1_000_000)) => format!("{:.3} s", at.as_secs_f64()),
        Some((_, seconds)) => format!("{seconds} s"),
    };
    // A long number may use the columns of the time, and the other way round.
    let margin = format!("{number:>5} {time:>width$}", width = (MARGIN_WIDTH - 2).saturating_sub(number.len().max(5)));
    format!("{margin:<MARGIN_WIDTH$}|{}|", lane(arrow))
}

fn lane(arrow: &Arrow) -> String {
    let label = cut(&arrow.label);
    let len = label.chars().count();
    let (before, after) = match arrow.kind {
        ArrowKind::Data | ArrowKind::Lost => ("----", "-"),
        ArrowKind::Control => ("- -", "- "),
        ArrowKind::Retransmission => ("====", "="),
        ArrowKind::Omitted => return format!("{:6}{label:<width$}", "", width = LANE_WIDTH - 6),
    };
    // The rest between the label, with two spaces, and the head of the arrow.
    let rest = LANE_WIDTH - 1 - before.len() - len - 2;
    let mut fill: String = after.chars().cycle().take(rest).collect();
    if arrow.kind == ArrowKind::Lost {
        fill = format!("{:>rest$}", format!("x{}", "-".repeat(rest / 2)));
    }
    let mirrored = || fill.chars().rev().collect::<String>();
    match (arrow.kind, arrow.to_right) {
        (ArrowKind::Lost, true) => format!("{before} {label} {} ", mirrored()),
        (ArrowKind::Lost, false) => format!(" {fill} {label} {before}"),
        (_, true) => format!("{before} {label} {}>", mirrored()),
        (_, false) => format!("<{before} {label} {fill}"),
    }
}

/// The legend of the kinds of lines; `None` without arrows that need it.
fn legend(arrows: &[Arrow]) -> Option<String> {
    let has_probe = super::has_probe_with_a_byte(arrows);
    let kinds = [
        (ArrowKind::Control, if has_probe { "- - no payload, or the byte of a probe" } else { "- - no payload" }),
        (ArrowKind::Data, "---- payload"),
        (ArrowKind::Retransmission, "==== again: it had passed before"),
        (ArrowKind::Lost, "---x lost"),
    ];
    let shown = kinds.iter().filter(|(kind, _)| arrows.iter().any(|arrow| arrow.kind == *kind));
    let shown: Vec<&str> = shown.map(|(_, meaning)| *meaning).collect();
    (!shown.is_empty()).then(|| format!("{:MARGIN_WIDTH$}{}", "", shown.join("     ")))
}
