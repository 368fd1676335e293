//! Diagrams as SVG: one element with style and description, without scripts and external fonts.

use maud::{Markup, PreEscaped, html};

use super::{Arrow, ArrowKind, Diagram, Lifeline};

/// The width of the drawing, in units; a unit is a pixel at a width of 400 pixels.
const WIDTH: u32 = 400;
/// The x coordinates of the lifelines.
const LEFT: u32 = 76;
const RIGHT: u32 = 384;
/// The y coordinate of the first arrow, and the distance between arrows.
const TOP: u32 = 92;
const STEP: u32 = 34;
/// The maximum number of characters between the lifelines, at 11 units.
const MAX_LABEL: usize = 46;
/// The maximum number of characters of a title, and of an address.
const MAX_TITLE: usize = 56;
const MAX_ADDRESS: usize = 30;

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
    // The last arrow, and a line below it for the legend.
    let count = u32::try_from(diagram.arrows.len()).unwrap_or(u32::MAX);
    let bottom = TOP.saturating_add(STEP.saturating_mul(count)).saturating_sub(STEP / 2);
    let (title, description) = (format!("{prefix}-title"), format!("{prefix}-desc"));
    let height = bottom.saturating_add(30);
    let drawing = html! {
        svg xmlns="http://www.w3.org/2000/svg" id=(prefix) viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            aria-labelledby={ (title) " " (description) } {
            title id=(title) { (xml(&diagram.title)) }
            desc id=(description) { (xml(&diagram.description)) }
            style { (PreEscaped(style(prefix))) }
            rect class="paper" width=(WIDTH) height=(height) {}
            text class="title" x=(WIDTH / 2) y="18" { (cut(&diagram.title, MAX_TITLE)) }
            (host(&diagram.left, "start", LEFT.saturating_sub(68), LEFT, bottom))
            (host(&diagram.right, "end", WIDTH - 8, RIGHT, bottom))
            @for (arrow, y) in diagram.arrows.iter().zip((TOP..).step_by(STEP as usize)) { (row(arrow, y)) }
            (legend(&diagram.arrows, height.saturating_sub(10)))
        }
    };
    drawing.into_string()
}

/// The style rules of this drawing alone.
fn style(prefix: &str) -> String {
    let set = |pick: fn(&(&str, &str, &'static str)) -> String| COLOURS.iter().map(pick).collect::<String>();
    let light = set(|(name, light, _)| format!("--{name}:{light};"));
    let dark = set(|(name, _, dark)| format!("--{name}:{dark};"));
    let id = format!("#{prefix}");
    [
        format!("{id}{{{light}font:11px system-ui,sans-serif;max-width:100%;height:auto}}"),
        format!("@media(prefers-color-scheme:dark){{{id}{{{dark}}}}}"),
        format!("@media print{{{id}{{{light}break-inside:avoid}}}}"),
        format!("{id} .paper{{fill:var(--paper)}}{id} text{{fill:var(--ink)}}{id} .title{{font-weight:600}}"),
        format!("{id} .title,{id} .label{{text-anchor:middle}}{id} .time{{text-anchor:end}}"),
        format!("{id} .life{{stroke:var(--ink);stroke-width:1.5}}{id} .label{{white-space:pre}}"),
        format!("{id} path{{fill:none;stroke-width:1.5}}"),
        ["control", "data", "again", "lost"]
            .map(|name| format!("{id} .{name} path{{stroke:var(--{name})}}{id} .{name} .label{{fill:var(--{name})}}"))
            .concat(),
        format!("{id} .control .line{{stroke-dasharray:4 3}}{id} .again .line{{stroke-width:1.2}}"),
    ]
    .concat()
}

fn host(host: &Lifeline, anchor: &str, x: u32, line: u32, bottom: u32) -> Markup {
    html! {
        text x=(x) y="42" style={ "text-anchor:" (anchor) ";font-weight:600" } { (cut(&host.name, MAX_ADDRESS)) }
        text x=(x) y="58" style={ "text-anchor:" (anchor) } { (cut(&host.address, MAX_ADDRESS)) }
        line class="life" x1=(line) x2=(line) y1="64" y2=(bottom) {}
    }
}

/// An arrow: line, head, label above, and the time in the margin.
fn row(arrow: &Arrow, y: u32) -> Markup {
    let class = match arrow.kind {
        ArrowKind::Data => "data",
        ArrowKind::Control => "control",
        ArrowKind::Retransmission => "again",
        ArrowKind::Lost => "lost",
        ArrowKind::Omitted => "omitted",
    };
    let (from, to, back) = if arrow.to_right { (LEFT, RIGHT, -1) } else { (RIGHT, LEFT, 1) };
    let middle = LEFT.midpoint(RIGHT);
    let end = if arrow.kind == ArrowKind::Lost { middle } else { to };
    html! {
        g class=(class) {
            // A tooltip with the whole label.
            @if arrow.label.chars().count() > MAX_LABEL { title { (xml(&arrow.label)) } }
            text class="time" x=(LEFT - 6) y=(y - 6) { (number(arrow)) }
            text class="time" x=(LEFT - 6) y=(y + 6) { (time(arrow)) }
            text class="label" x=(middle) y=(y - 6) { (cut(&arrow.label, MAX_LABEL)) }
            @match arrow.kind {
                ArrowKind::Omitted => {}
                ArrowKind::Retransmission => {
                    path class="line" d={ "M" (from) " " (y - 2) "H" (end) "M" (from) " " (y + 2) "H" (end) } {}
                    (head(end, y, 10 * back))
                }
                ArrowKind::Lost => {
                    path class="line" d={ "M" (from) " " (y) "H" (end) } {}
                    path d={ "M" (end - 5) " " (y - 5) "l10 10m0 -10l-10 10" } {}
                }
                ArrowKind::Data | ArrowKind::Control => {
                    path class="line" d={ "M" (from) " " (y) "H" (end) } {}
                    (head(end, y, 8 * back))
                }
            }
        }
    }
}

/// The head of an arrow that ends at (x, y); `back` points to its start.
fn head(x: u32, y: u32, back: i32) -> Markup {
    html! { path d={ "M" (x) " " (y) "m" (back) " -5L" (x) " " (y) "l" (back) " 5" } {} }
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
fn legend(arrows: &[Arrow], y: u32) -> Markup {
    let has = |kind| arrows.iter().any(|arrow| arrow.kind == kind);
    let meanings = [
        (ArrowKind::Data, "solid: payload"),
        (ArrowKind::Control, "dashed: no payload"),
        (ArrowKind::Retransmission, "double: again"),
        (ArrowKind::Lost, "×: lost"),
    ];
    let shown: Vec<_> = meanings.iter().filter(|(kind, _)| has(*kind)).map(|(_, meaning)| *meaning).collect();
    html! { text class="title" style="font-weight:400" x=(WIDTH / 2) y=(y) { (shown.join(" · ")) } }
}

/// The text, cut to a maximum of characters.
fn cut(text: &str, max: usize) -> String {
    let text = xml(text);
    if text.chars().count() <= max { text } else { text.chars().take(max - 1).chain(['…']).collect() }
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
