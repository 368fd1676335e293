//! The plot of Q17: the number of packets of each reset, and the expected distribution.

use std::fmt::Write;

use maud::html;

use super::{
    AXIS, DASHED, GRID, HOLLOW, INK, LINE, MUTED, SOLID, SvgFrame, TYPE, WIDTH, at, circle, label, line, rectangle,
    scale::Scale,
};
use crate::sheet::Figure;
use lab_testbed::facts::Series;

/// The maximum number of bars (ours), for the width of a phone; the last one includes all greater numbers.
const MAX_BARS: u64 = 20;

const HEIGHT: f64 = 266.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = WIDTH - 8.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = HEIGHT - 42.0;

/// One bar.
struct Bin {
    /// `3`, or `20 or more`.
    packets: String,
    runs: u64,
    expected: f64,
}

/// The number of runs for each number of packets, the geometric distribution of `true_loss`, and the mean.
///
/// `id` is the prefix of all ids in the drawing, unique on a page.
pub fn histogram(id: &str, series: &Series) -> Figure {
    let bins = bins(series);
    let runs = series.packets.len();
    let most = bins.iter().map(|bin| bin.expected.ceil().max(bin.runs as f64)).fold(0.0, f64::max);
    let y = Scale::whole(most as u64, 4.0, (BOTTOM, TOP));
    let pitch = (RIGHT - LEFT) / bins.len() as f64;
    let middle = |bin: usize| LEFT + pitch * (bin as f64 + 0.5);
    let marks: Vec<_> = bins.iter().enumerate().map(|(at, bin)| (middle(at), y.at(bin.expected))).collect();
    let points: Vec<_> = marks.iter().map(|mark| format!("{},{}", at(mark.0), at(mark.1))).collect();
    // With many bars every other label has room.
    let stride = if bins.len() > 12 { 2 } else { 1 };
    let mean_at = middle(0) + pitch * (series.mean - 1.0);
    let drawing = html! {
        g {
            (rectangle((LEFT, 6.0), (10.0, 10.0), SOLID))
            (label(LEFT + 15.0, 15.0, "start", INK, "observed"))
            (line((LEFT + 82.0, 11.0), (LEFT + 102.0, 11.0), LINE))
            (circle((LEFT + 92.0, 11.0), 3.5, HOLLOW))
            (label(LEFT + 107.0, 15.0, "start", INK, &format!("expected for a loss of {}", series.true_loss)))
            (line((LEFT + 5.0, 23.0), (LEFT + 5.0, 37.0), DASHED))
            (label(LEFT + 15.0, 34.0, "start", INK, &format!("mean: {:.2} packets", series.mean)))
        }
        @for tick in y.ticks() {
            (line((LEFT, y.at(tick)), (RIGHT, y.at(tick)), GRID))
            (label(LEFT - 6.0, y.at(tick) + 4.0, "end", MUTED, &tick.to_string()))
        }
        @for (place, bin) in bins.iter().enumerate() {
            @let top = y.at(bin.runs as f64);
            @if bin.runs > 0 { (rectangle((middle(place) - pitch * 0.36, top), (pitch * 0.72, BOTTOM - top), SOLID)) }
            @if place % stride == 0 {
                (label(middle(place), BOTTOM + TYPE + 4.0, "middle", MUTED, &bin.packets.replace(" or more", "+")))
            }
        }
        (line((LEFT, BOTTOM), (RIGHT, BOTTOM), AXIS))
        polyline points=(points.join(" ")) style=(LINE) {}
        @for mark in &marks { (circle(*mark, 3.5, HOLLOW)) }
        @if (LEFT..=RIGHT).contains(&mean_at) { (line((mean_at, TOP), (mean_at, BOTTOM), DASHED)) }
        (label((LEFT + RIGHT) / 2.0, HEIGHT - 6.0, "middle", INK, "packets until the acknowledgement"))
        (label(4.0, TOP - 10.0, "start", MUTED, "runs"))
    };
    let title = format!("Packets for each of {runs} resets over {}", series.family);
    let caption = format!(
        "{title}: {:.2} on average. The bars were observed; the line is the geometric distribution for a loss of {}.",
        series.mean, series.true_loss
    );
    let frame = SvgFrame { id, height: HEIGHT, title, description: description(series, &bins) };
    frame.figure(caption, &drawing, table(series, &bins))
}

fn bins(series: &Series) -> Vec<Bin> {
    let loss = if series.true_loss.is_finite() { series.true_loss.clamp(0.0, 1.0) } else { 0.0 };
    let runs = series.packets.len() as f64;
    let greatest = series.packets.iter().copied().max().unwrap_or(1).max(1);
    let last = greatest.min(MAX_BARS);
    let bin = |packets: u64| {
        let is_rest = packets == MAX_BARS && greatest > MAX_BARS;
        let is_here = |&&taken: &&u64| if is_rest { taken >= packets } else { taken == packets };
        // packets - 1 are lost; the next one is not, except in the last bar.
        let all_lost = loss.powf((packets - 1) as f64);
        Bin {
            packets: if is_rest { format!("{packets} or more") } else { packets.to_string() },
            runs: series.packets.iter().filter(is_here).count() as u64,
            expected: runs * all_lost * if is_rest { 1.0 } else { 1.0 - loss },
        }
    };
    (1..=last).map(bin).collect()
}

fn description(series: &Series, bins: &[Bin]) -> String {
    let mut text = format!(
        "A bar for each number of packets, with the number of runs that took so many; the mean is {:.2}.",
        series.mean
    );
    for bin in bins {
        // Writing into a String cannot fail.
        let _ = write!(text, " {}: {} observed, {:.1} expected.", bin.packets, bin.runs, bin.expected);
    }
    text
}

fn table(series: &Series, bins: &[Bin]) -> String {
    let mut text = format!("{:>10}  {:>8}  {:>8}\n", "packets", "observed", "expected");
    for bin in bins {
        let _ = writeln!(text, "{:>10}  {:>8}  {:>8.1}", bin.packets, bin.runs, bin.expected);
    }
    let _ = writeln!(text, "mean {:.2} packets over {} runs", series.mean, series.packets.len());
    let _ = write!(
        text,
        "loss {:.3} (95 %: {:.3} to {:.3}), set to {}",
        series.loss, series.interval.0, series.interval.1, series.true_loss
    );
    text
}

#[cfg(test)]
mod tests {
    use labnet::net::Family;

    use super::*;

    fn series(packets: Vec<u64>, true_loss: f64) -> Series {
        let mean = packets.iter().sum::<u64>() as f64 / packets.len() as f64;
        Series {
            packets,
            mean,
            true_loss,
            family: Family::Ipv4,
            loss: 0.0,
            interval: (0.0, 1.0),
            shortest_pause: None,
            asked: 0,
            own: None,
            at_once: 1,
            start: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn expected_runs_are_geometric_and_add_up() {
        let bins = bins(&series(vec![1, 1, 2, 25, 40], 0.5));
        assert_eq!(bins.len(), 20);
        assert_eq!((bins[0].runs, bins[0].expected), (2, 2.5));
        assert_eq!((bins[1].runs, bins[1].expected), (1, 1.25));
        assert_eq!((bins[19].runs, bins[19].packets.as_str()), (2, "20 or more"));
        let all: f64 = bins.iter().map(|bin| bin.expected).sum();
        assert!((all - 5.0).abs() < 1e-9, "{all}");
    }

    #[test]
    fn the_caption_says_what_was_counted() {
        let caption = histogram("x", &series(vec![1, 2], 0.5)).caption;
        assert!(caption.starts_with("Packets for each of 2 resets over IPv4: 1.50 on average."), "{caption}");
    }

    #[test]
    fn exactly_twenty_packets_are_no_rest() {
        let bins = bins(&series(vec![20], 0.5));
        assert_eq!(bins.last().map(|bin| bin.packets.as_str()), Some("20"));
    }

    #[test]
    fn odd_series_are_drawn_all_the_same() {
        for (packets, loss) in [(vec![], 0.6), (vec![0], 0.0), (vec![u64::MAX], 1.0), (vec![1], f64::NAN)] {
            let svg = histogram("odd", &series(packets.clone(), loss)).svg;
            let drawn = svg.split_once("</desc>").map(|(_, drawn)| drawn.replace("mean: NaN", "")).unwrap();
            assert!(
                !drawn.replace("loss of NaN", "").contains("NaN") && !drawn.contains("inf"),
                "{packets:?} {loss}: {drawn}"
            );
        }
    }
}
