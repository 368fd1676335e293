//! Diagrams as SVG: one element with style and description, without scripts and external fonts.

use maud::{Markup, PreEscaped, html};

use super::{Arrow, ArrowKind, Diagram, Lifeline, slant::TimeAxis};

/// The width of the drawing, in units; a unit is a pixel at a width of 400 pixels.
const WIDTH: u32 = 400;
/// The x coordinates of the lifelines.
const LEFT: u32 = 80;
const RIGHT: u32 = 388;
/// The height of a line of text, and the distance between the rows of two arrows without their labels.
const LINE: u32 = 15;
const GAP: u32 = 13;
/// The height of number and time in the margin.
const MARGIN_LINES: u32 = 30;
/// The maximum number of characters in a line of a label, of a title, and of an address, at 12 units.
const MAX_LABEL: usize = 42;
const MAX_TITLE: usize = 54;
const MAX_ADDRESS: usize = 27;
/// The room for the first and the last arrow to slant, in units.
const ROOM: u32 = 20;

/// Colours: the name, on a light background, on a dark one. The contrast with the paper is at least 4.5 (WCAG 2.2, 1.4.3).
const COLOURS: &[(&str, &str, &str)] = &[
    ("paper", "#ffffff", "#16181c"),
    ("ink", "#1f2328", "#e8eaed"),
    ("control", "#59636e", "#b0b8c1"),
    ("data", "#0b57d0", "#8ab4f8"),
    ("again", "#b3261e", "#ff9b92"),
    ("lost", "#8a3ffc", "#d0a9ff"),
];

pub(super) fn draw(diagram: &Diagram, prefix: &str) -> String {
    let titles = wrapped(&diagram.title, MAX_TITLE);
    let hosts = [&diagram.left, &diagram.right].map(host_lines);
    let lines_of_hosts = hosts.iter().map(Vec::len).max().unwrap_or_default();
    let top_of_hosts = LINE * (1 + number_of(titles.len())) + 5;
    let top_of_lines = top_of_hosts + LINE * number_of(lines_of_hosts) - 8;
    let rows = rows(&diagram.arrows, top_of_lines + ROOM);
    let bottom = rows.last().map_or(top_of_lines + ROOM, |row| row.bottom) + ROOM;
    let heights: Vec<u32> = rows.iter().map(|row| row.at).collect();
    let axis = TimeAxis::new(&diagram.arrows, &heights, diagram.delay, f64::from(ROOM));
    let (title, description) = (format!("{prefix}-title"), format!("{prefix}-desc"));
    let height = bottom + 2 * LINE;
    let drawing = html! {
        svg xmlns="http://www.w3.org/2000/svg" id=(prefix) viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            aria-labelledby={ (title) " " (description) } {
            title id=(title) { (xml(&diagram.title)) }
            desc id=(description) { (xml(&diagram.description)) }
            style { (PreEscaped(style(prefix))) }
            rect class="paper" width=(WIDTH) height=(height) {}
            @for (y, line) in (LINE + 3..).step_by(LINE as usize).zip(&titles) {
                text class="title" x=(WIDTH / 2) y=(y) { (line) }
            }
            @for (lines, (anchor, x, life)) in hosts.iter().zip([("start", 8, LEFT), ("end", WIDTH - 8, RIGHT)]) {
                @for (number, line) in lines.iter().enumerate() {
                    text x=(x) y=(top_of_hosts + LINE * number_of(number)) text-anchor=(anchor)
                        font-weight=[(number == 0).then_some("600")] { (line) }
                }
                line class="life" x1=(life) x2=(life) y1=(top_of_lines) y2=(bottom) {}
            }
            // Lines first: a label is not crossed.
            @for (arrow, row) in diagram.arrows.iter().zip(&rows) { (line(arrow, row, axis.as_ref())) }
            @for (arrow, row) in diagram.arrows.iter().zip(&rows) { (words(arrow, row)) }
            (legend(&diagram.arrows, axis.is_some(), bottom + LINE + 4))
        }
    };
    drawing.into_string()
}

/// Lines are few: a diagram has at most some hundred arrows.
fn number_of(lines: usize) -> u32 {
    u32::try_from(lines).unwrap_or(u32::MAX / 1000)
}

/// Where an arrow and the lines of its label are.
struct Row {
    /// The height of the arrow at the left lifeline.
    at: u32,
    /// The baseline of the first line of the label.
    label: u32,
    lines: Vec<String>,
    bottom: u32,
}

/// The rows of arrows. The label of an arrow to the right is above its left end, that of one to the left below it: so a
/// slanted arrow leads away from its label.
fn rows(arrows: &[Arrow], top: u32) -> Vec<Row> {
    let (mut top, mut last) = (top, 0);
    let place = |arrow: &Arrow| {
        let lines = wrapped(&arrow.label, MAX_LABEL);
        let height = LINE * number_of(lines.len());
        // In the margin are two lines.
        let distance = if arrow.to_right { height } else { 2 };
        top = top.max((last + MARGIN_LINES).saturating_sub(distance));
        let row = if arrow.to_right || arrow.kind == ArrowKind::Omitted {
            Row { at: top + height, label: top + LINE - 5, lines, bottom: top + height }
        } else {
            Row { at: top + 2, label: top + LINE + 1, lines, bottom: top + 2 + height }
        };
        (top, last) = (row.bottom + GAP, row.at);
        row
    };
    arrows.iter().map(place).collect()
}

/// The style rules of this drawing alone.
fn style(prefix: &str) -> String {
    let set = |pick: fn(&(&str, &str, &'static str)) -> String| COLOURS.iter().map(pick).collect::<String>();
    let light = set(|(name, light, _)| format!("--{name}:{light};"));
    let dark = set(|(name, _, dark)| format!("--{name}:{dark};"));
    let id = format!("#{prefix}");
    [
        format!("{id}{{{light}font:12px system-ui,sans-serif;max-width:100%;height:auto}}"),
        format!("@media(prefers-color-scheme:dark){{{id}{{{dark}}}}}"),
        format!("@media print{{{id}{{{light}break-inside:avoid}}}}"),
        format!("{id} .paper{{fill:var(--paper)}}{id} text{{fill:var(--ink)}}{id} .title{{font-weight:600}}"),
        format!("{id} .title{{text-anchor:middle}}{id} .time{{text-anchor:end}}"),
        format!("{id} .life{{stroke:var(--ink);stroke-width:1.5}}"),
        format!("{id} .label{{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}}"),
        format!("{id} path{{fill:none;stroke-width:1.5}}"),
        ["control", "data", "again", "lost"]
            .map(|name| format!("{id} .{name} path{{stroke:var(--{name})}}{id} .{name} .label{{fill:var(--{name})}}"))
            .concat(),
        format!("{id} .control .line{{stroke-dasharray:4 3}}{id} .again .line{{stroke-width:1.2}}"),
    ]
    .concat()
}

/// Name and addresses of a host.
fn host_lines(host: &Lifeline) -> Vec<String> {
    let addresses = host.address.split(", ").flat_map(|address| wrapped(address, MAX_ADDRESS));
    wrapped(&host.name, MAX_ADDRESS).into_iter().chain(addresses).collect()
}

fn class(arrow: &Arrow) -> &'static str {
    match arrow.kind {
        ArrowKind::Data => "data",
        ArrowKind::Control => "control",
        ArrowKind::Retransmission => "again",
        ArrowKind::Lost => "lost",
        ArrowKind::Omitted => "omitted",
    }
}

/// Line and head of an arrow.
fn line(arrow: &Arrow, row: &Row, axis: Option<&TimeAxis>) -> Markup {
    let left = (f64::from(LEFT), f64::from(row.at));
    let right = (f64::from(RIGHT), axis.and_then(|axis| axis.right_end(arrow)).unwrap_or(left.1));
    let (from, to) = if arrow.to_right { (left, right) } else { (right, left) };
    let to =
        if arrow.kind == ArrowKind::Lost { (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1)) } else { to };
    let path =
        |shift: f64| format!("M{} {}L{} {}", short(from.0), short(from.1 + shift), short(to.0), short(to.1 + shift));
    html! {
        @if arrow.kind != ArrowKind::Omitted {
            g class=(class(arrow)) {
                @match arrow.kind {
                    ArrowKind::Retransmission => path class="line" d={ (path(-2.0)) (path(2.0)) } {},
                    _ => path class="line" d=(path(0.0)) {},
                }
                @if arrow.kind == ArrowKind::Lost {
                    path d={ "M" (short(to.0 - 5.0)) " " (short(to.1 - 5.0)) "l10 10m0 -10l-10 10" } {}
                } @else {
                    (head(from, to))
                }
            }
        }
    }
}

/// The head of an arrow.
fn head(from: (f64, f64), to: (f64, f64)) -> Markup {
    let angle = (to.1 - from.1).atan2(to.0 - from.0);
    let wing = |turn: f64| {
        let angle = angle + turn;
        format!("{} {}", short(to.0 - 9.0 * angle.cos()), short(to.1 - 9.0 * angle.sin()))
    };
    html! { path d={ "M" (wing(0.5)) "L" (short(to.0)) " " (short(to.1)) "L" (wing(-0.5)) } {} }
}

/// A coordinate with one decimal, without that if it is 0.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// The label, the number of the packet, and its time.
fn words(arrow: &Arrow, row: &Row) -> Markup {
    // In a row of one line there is no room for two.
    let has_room = arrow.packet.is_some();
    html! {
        g class=(class(arrow)) {
            @if has_room { text class="time" x=(LEFT - 6) y=(row.at - 5) { (number(arrow)) } }
            text class="time" x=(LEFT - 6) y=(row.at + if has_room { 8 } else { 4 }) { (time(arrow)) }
            @for (y, line) in (row.label..).step_by(LINE as usize).zip(&row.lines) {
                text class="label" x=(LEFT + 8) y=(y) { (line) }
            }
        }
    }
}

fn number(arrow: &Arrow) -> String {
    arrow.packet.map(|number| format!("#{number}")).unwrap_or_default()
}

/// The time, with as many digits as the margin has room for.
fn time(arrow: &Arrow) -> String {
    let Some(at) = arrow.at else { return "unknown".to_owned() };
    match at.as_millis() {
        0..1_000 => format!("{:.2} ms", at.as_secs_f64() * 1e3),
        1_000..1_000_000 => format!("{:.3} s", at.as_secs_f64()),
        _ => format!("{} s", at.as_secs()),
    }
}

/// The legend of the kinds of lines.
fn legend(arrows: &[Arrow], is_slanted: bool, y: u32) -> Markup {
    let has = |kind| arrows.iter().any(|arrow| arrow.kind == kind);
    let has_probe = super::has_probe_with_a_byte(arrows);
    let dashed = if has_probe { "dashed: no payload, or the byte of a probe" } else { "dashed: no payload" };
    let meanings = [
        (ArrowKind::Data, "solid: payload"),
        (ArrowKind::Control, dashed),
        (ArrowKind::Retransmission, "double: again"),
        (ArrowKind::Lost, "×: lost"),
    ];
    let kinds = meanings.iter().filter(|(kind, _)| has(*kind)).map(|(_, meaning)| *meaning);
    let shown: Vec<_> = kinds.chain(is_slanted.then_some("slant: time")).collect();
    html! { text class="title" style="font-weight:400" x=(WIDTH / 2) y=(y) { (shown.join(" · ")) } }
}

/// The lines of a text, broken at spaces, or within a word that is longer than a line.
fn wrapped(text: &str, max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in xml(text).split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for (number, piece) in letters.chunks(max).enumerate() {
            let piece: String = piece.iter().collect();
            match lines.last_mut() {
                Some(line) if line.is_empty() => *line = piece,
                Some(line) if number == 0 && line.chars().count() + 1 + piece.chars().count() <= max => {
                    line.push(' ');
                    line.push_str(&piece);
                }
                _ => lines.push(piece),
            }
        }
    }
    lines
}

/// The text without characters that XML cannot contain, even escaped (XML 1.0, section 2.2).
fn xml(text: &str) -> String {
    let is_char = |character: &char| match *character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    };
    text.chars().filter(is_char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2: relative luminance.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_colour_can_be_read_in_light_and_dark() {
        let (_, light_paper, dark_paper) = COLOURS[0];
        for (name, light, dark) in &COLOURS[1..] {
            assert!(contrast(light, light_paper) >= 4.5, "{name} in light: {}", contrast(light, light_paper));
            assert!(contrast(dark, dark_paper) >= 4.5, "{name} in dark: {}", contrast(dark, dark_paper));
        }
    }
}
