//! The plot of Q15: calls of recv and packets, for each receive buffer.

use std::fmt::Write;

use maud::html;

use super::{HOLLOW, INK, SOLID, SvgFrame, TYPE, WIDTH, label, rectangle};
use lab_testbed::facts::Flood;

use crate::{
    formatting::{count, number},
    sheet::Figure,
};

/// Room for `1,048,576 packets` behind the longest bar.
const LONGEST: f64 = WIDTH - 122.0;
const TOP: f64 = 8.0;
const ROW: f64 = 66.0;
const THICK: f64 = 16.0;

/// Two bars for each flood: calls of recv, filled, and packets with payload, hollow.
///
/// `id` is the prefix of all ids in the drawing, unique on a page.
pub fn bars(id: &str, floods: &[Flood]) -> Figure {
    let counts = |flood: &Flood| (flood.transfer.client.recv_calls, flood.transfer.to_client.fresh());
    let most = floods.iter().map(counts).map(|(calls, packets)| packets.max(calls.unwrap_or(0))).max();
    let unit = LONGEST / most.unwrap_or(1).max(1) as f64;
    // A small count must still be visible.
    let bar = |y: f64, count: u64, style: &str| rectangle((1.0, y), ((count as f64 * unit).max(1.0), THICK), style);
    let behind = |count: u64| (count as f64 * unit).max(1.0) + 8.0;
    let drawing = html! {
        @for (place, flood) in floods.iter().enumerate() {
            @let y = TOP + ROW * place as f64;
            @let (calls, packets) = counts(flood);
            (label(0.0, y + TYPE - 2.0, "start", INK, &buffer(flood)))
            @match calls {
                Some(calls) => {
                    (bar(y + 17.0, calls, SOLID))
                    (label(behind(calls), y + 17.0 + TYPE, "start", INK, &calls_of(Some(calls))))
                }
                None => (label(1.0, y + 17.0 + TYPE, "start", INK, &calls_of(None))),
            }
            (bar(y + 36.0, packets, HOLLOW))
            (label(behind(packets), y + 36.0 + TYPE, "start", INK, &count(packets, "packet")))
        }
    };
    let mut description =
        "Two bars for each receive buffer: calls of recv, filled, and packets with payload, hollow.".to_owned();
    let mut text = String::new();
    for flood in floods {
        let (calls, packets) = counts(flood);
        let row = format!("{}: {}, {}", buffer(flood), calls_of(calls), count(packets, "packet"));
        // Writing into a String cannot fail.
        let _ = write!(description, " {row}.");
        let _ = writeln!(text, "{row}");
    }
    let frame = SvgFrame {
        id,
        height: TOP + ROW * floods.len().max(1) as f64 - 6.0,
        title: "Calls of recv and packets, for each receive buffer".to_owned(),
        description,
    };
    let caption = "The same flood with several receive buffers: the buffer changes how often recv is called, not how many \
                   packets come.";
    frame.figure(caption.to_owned(), &drawing, text.trim_end().to_owned())
}

fn buffer(flood: &Flood) -> String {
    match flood.recv_buffer.or(flood.transfer.client.recv_buffer) {
        Some(bytes) => format!("recv takes up to {} bytes", number(bytes)),
        None => "recv takes what the program chose".to_owned(),
    }
}

fn calls_of(calls: Option<u64>) -> String {
    match calls {
        Some(calls) => count(calls, "call"),
        None => "calls not counted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_uncounted_floods_are_drawn_all_the_same() {
        for floods in [vec![], vec![Flood::default()]] {
            let figure = bars("odd", &floods);
            assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf\""), "{}", figure.svg);
        }
        assert_eq!(
            bars("x", &[Flood::default()]).text,
            "recv takes what the program chose: calls not counted, no packets"
        );
    }
}
