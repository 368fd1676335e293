//! A figure, folded, as a drawing and as text.

use maud::{Markup, PreEscaped, html};

use crate::text;

/// A figure: its number on the page, what it is about, and its caption. `svg` is a drawing of ours, which is not escaped;
/// `text` says the same.
pub fn figure(number: usize, subject: &str, caption: &str, svg: &str, text: &str) -> Markup {
    // SVG inside HTML needs no namespace.
    let svg = svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
    html! {
        details.figure {
            summary { strong { "Figure " (number) "." } " " (subject) ": " (text::prose(caption)) }
            figure id={ "figure-" (number) } aria-label={ "Figure " (number) } {
                div.scroll tabindex="0" role="group" aria-label={ "Figure " (number) ", drawn" } { (PreEscaped(svg)) }
                details.text {
                    summary { "Figure " (number) " as text" }
                    // In a diagram made of characters, their columns must not be broken.
                    pre.scroll tabindex="0" role="group" aria-label={ "Figure " (number) " as text" } { (text) }
                }
            }
        }
    }
}
