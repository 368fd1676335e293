//! The plot of a transfer over time: each packet is a step.

use std::fmt::Write;

use maud::html;

use super::{AXIS, GRID, INK, MUTED, SOLID, SvgFrame, TRACE, WIDTH, at, circle, label, line, scale::Scale};
use crate::{
    formatting::{count, number},
    sheet::Figure,
};

const HEIGHT: f64 = 250.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 42.0;

/// The maximum number of dots, and of lines in the text (ours).
const MAX_DOTS: usize = 200;

/// The received bytes over time. `of` is the name of the transfer: `CMD_floodme over TCP`.
///
/// Each arrival is a packet: its time in seconds since the start of the transfer, and the number of its new bytes, in the
/// order of time. `id` is the prefix of all ids in the drawing, unique on a page.
pub fn steps(id: &str, of: &str, arrivals: &[(f64, u64)]) -> Figure {
    let mut total = 0_u64;
    let sum = |&(seconds, bytes): &(f64, u64)| {
        total = total.saturating_add(bytes);
        (if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }, total)
    };
    let sums: Vec<(f64, u64)> = arrivals.iter().map(sum).collect();
    let end = sums.iter().map(|(seconds, _)| *seconds).fold(0.0, f64::max);
    let (unit, times) = if end < 2.0 { ("milliseconds", 1000.0) } else { ("seconds", 1.0) };
    let x = Scale::new(end * times, 5.0, (LEFT, RIGHT));
    let y = Scale::whole(total, 4.0, (BOTTOM, TOP));
    let point = |&(seconds, bytes): &(f64, u64)| (x.at(seconds * times), y.at(bytes as f64));
    let mut path = format!("M{} {}", at(LEFT), at(BOTTOM));
    for (right, up) in sums.iter().map(point) {
        // Writing into a String cannot fail.
        let _ = write!(path, "H{}V{}", at(right), at(up));
    }
    let drawing = html! {
        @for tick in y.ticks() {
            (line((LEFT, y.at(tick)), (RIGHT, y.at(tick)), GRID))
            (label(LEFT - 6.0, y.at(tick) + 4.0, "end", MUTED, &number(tick as u64)))
        }
        @for tick in x.ticks() {
            (line((x.at(tick), BOTTOM), (x.at(tick), BOTTOM + 4.0), AXIS))
            (label(x.at(tick), BOTTOM + 17.0, "middle", MUTED, &format!("{tick:.*}", x.digits())))
        }
        (line((LEFT, BOTTOM), (RIGHT, BOTTOM), AXIS))
        path d=(path) style=(TRACE) {}
        @if sums.len() <= MAX_DOTS { @for centre in sums.iter().map(point) { (circle(centre, 2.0, SOLID)) } }
        (label(4.0, 12.0, "start", INK, "bytes received"))
        (label((LEFT + RIGHT) / 2.0, HEIGHT - 6.0, "middle", INK, unit))
    };
    let said = format!("{} in {} within {}", count(total, "byte"), count(sums.len() as u64, "packet"), time(end, end));
    let frame = SvgFrame {
        id,
        height: HEIGHT,
        title: format!("{of}: bytes received over time"),
        description: steps_in_words(&said, &sums, end),
    };
    frame.figure(format!("{of}: {said}. Each step is a packet."), &drawing, list(&said, &sums, end))
}

/// The curve in words: the times of the first bytes and of half of them.
fn steps_in_words(said: &str, sums: &[(f64, u64)], end: f64) -> String {
    let total = sums.last().map_or(0, |(_, total)| *total);
    let half = sums.iter().find(|(_, bytes)| *bytes >= total.div_ceil(2));
    let first = sums.iter().find(|(_, bytes)| *bytes > 0);
    let moment =
        |found: Option<&(f64, u64)>| found.map_or_else(|| "never".to_owned(), |(seconds, _)| time(*seconds, end));
    format!("{said}. The first came after {}, half of the bytes were there after {}.", moment(first), moment(half))
}

fn list(said: &str, sums: &[(f64, u64)], end: f64) -> String {
    let mut text = format!("{said}\n{:>10}  {:>12}\n", "after", "bytes so far");
    for (seconds, bytes) in sums.iter().take(MAX_DOTS) {
        let _ = writeln!(text, "{:>10}  {:>12}", time(*seconds, end), number(*bytes));
    }
    if let Some(more) = sums.len().checked_sub(MAX_DOTS).filter(|more| *more > 0) {
        let _ = writeln!(text, "and {} more", number(more as u64));
    }
    text.trim_end().to_owned()
}

/// A time in the unit of the axis.
fn time(seconds: f64, end: f64) -> String {
    if end < 2.0 { format!("{:.1} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_transfers_are_drawn_all_the_same() {
        for arrivals in [vec![], vec![(0.0, 0)], vec![(f64::NAN, u64::MAX), (-1.0, 1)], vec![(0.5, 1); 1000]] {
            let svg = steps("odd", "x", &arrivals).svg;
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn a_long_list_says_how_much_it_leaves_out() {
        assert!(steps("x", "x", &[(3.0, 10); 250]).text.ends_with("and 50 more"));
    }
}
