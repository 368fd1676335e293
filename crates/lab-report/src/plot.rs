//! Plots as SVG, each with its numbers as text. They are readable without colour and on a phone.
//!
//! A plot is 380 units wide, with text of 12 units: on a phone a unit is about a pixel. Colours are CSS variables of the
//! page, with default values for a plot outside of the page.

mod bars;
mod histogram;
mod scale;
mod steps;

use maud::{Markup, html};

pub use bars::bars;
pub use histogram::histogram;
pub use steps::steps;

use crate::sheet::Figure;

/// The width of every plot.
const WIDTH: f64 = 380.0;

/// The size of its text.
const TYPE: f64 = 12.0;

const INK: &str = "fill:var(--ink,#1d1f21)";
const MUTED: &str = "fill:var(--muted,#56595d)";
const SOLID: &str = "fill:var(--accent,#1a5c9e);stroke:var(--accent,#1a5c9e);stroke-width:1.5";
const HOLLOW: &str = "fill:var(--paper,#fcfcfa);stroke:var(--accent-2,#a34a00);stroke-width:1.5";
const LINE: &str = "fill:none;stroke:var(--accent-2,#a34a00);stroke-width:1.5";
const TRACE: &str = "fill:none;stroke:var(--accent,#1a5c9e);stroke-width:1.5";
const AXIS: &str = "stroke:var(--muted,#56595d);stroke-width:1";
const GRID: &str = "stroke:var(--line,#d3d3cb);stroke-width:1";
const DASHED: &str = "stroke:var(--ink,#1d1f21);stroke-width:1.5;stroke-dasharray:5 3";

/// The SVG element around a drawing, with title and description for screen readers.
struct SvgFrame<'a> {
    /// The prefix of all ids: several plots can be on one page.
    id: &'a str,
    height: f64,
    title: String,
    description: String,
}

impl SvgFrame<'_> {
    /// A figure of the drawing; `text` has its numbers.
    fn figure(self, caption: String, drawing: &Markup, text: String) -> Figure {
        let (title_id, description_id) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        let svg = html! {
            svg viewBox={ "0 0 " (WIDTH) " " (self.height) } width=(WIDTH) height=(self.height)
                style="width:100%;max-width:32rem;height:auto" font-size=(TYPE) role="img"
                aria-labelledby=(title_id) aria-describedby=(description_id) {
                title id=(title_id) { (self.title) }
                desc id=(description_id) { (self.description) }
                (drawing)
            }
        };
        Figure { caption, svg: svg.into_string(), text }
    }
}

/// A coordinate, rounded to a tenth of a unit.
fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// A label; `anchor` is SVG's `start`, `middle` or `end`.
fn label(x: f64, y: f64, anchor: &str, style: &str, text: &str) -> Markup {
    html! { text x=(at(x)) y=(at(y)) text-anchor=(anchor) style=(style) { (text) } }
}

fn line(from: (f64, f64), to: (f64, f64), style: &str) -> Markup {
    html! { line x1=(at(from.0)) y1=(at(from.1)) x2=(at(to.0)) y2=(at(to.1)) style=(style) {} }
}

fn rectangle(corner: (f64, f64), size: (f64, f64), style: &str) -> Markup {
    html! { rect x=(at(corner.0)) y=(at(corner.1)) width=(at(size.0)) height=(at(size.1)) style=(style) {} }
}

fn circle(centre: (f64, f64), radius: f64, style: &str) -> Markup {
    html! { circle cx=(at(centre.0)) cy=(at(centre.1)) r=(at(radius)) style=(style) {} }
}
