//! What was run: each experiment once, with its commands, its files and its figures.

use maud::{Markup, PreEscaped, html};

use super::{Places, head, text};
use crate::{
    sheet::{Experiment, Figure, State},
    words,
};

pub(super) fn section(places: &Places<'_>) -> Markup {
    html! {
        section aria-labelledby="experiments" {
            h2 #experiments { "Experiments" }
            @if places.experiments.is_empty() {
                p.missing { strong { "No experiments. " } "Nothing was run." }
            }
            @for (first, experiment) in &places.experiments { (article(places, *first, experiment)) }
        }
    }
}

fn article(places: &Places<'_>, first: usize, experiment: &Experiment) -> Markup {
    let id = text::anchor("experiment-", &experiment.name);
    let is_done = experiment.state == State::Done;
    html! {
        article.experiment id=(id) aria-labelledby={ (id) "-title" } {
            h3 id={ (id) "-title" } {
                (experiment.name) " "
                span.state { (head::mark(is_done)) " " (experiment.state) }
            }
            p { (text::prose(&experiment.title)) }
            @if let Some(trouble) = &experiment.trouble {
                p.missing { strong { "Trouble: " } (trouble) }
            }
            dl.facts {
                @if !experiment.commands.is_empty() {
                    div { dt { "Commands" } dd { pre { code { (experiment.commands.join("\n")) } } } }
                }
                @if experiment.seconds > 0.0 {
                    div {
                        dt { "Took" }
                        dd { (words::duration(experiment.seconds)) " " span.varies { "varies from run to run" } }
                    }
                }
                @if let Some(path) = &experiment.capture {
                    div { dt { "Capture" } dd { a.file href=(path) { (path) } } }
                }
                @if let Some(path) = &experiment.output {
                    div { dt { "Output" } dd { a.file href=(path) { (path) } } }
                }
                @if let Some(account) = places.account(&experiment.name) {
                    div {
                        dt { "Account" }
                        dd {
                            a href={ "#" (text::anchor("account-", &account.experiment)) } {
                                (if account.balances() { "balanced" } else { "not balanced" })
                            }
                        }
                    }
                }
            }
            @for (number, figure) in (first..).zip(&experiment.figures) { (figure_of(number, figure)) }
        }
    }
}

fn figure_of(number: usize, figure: &Figure) -> Markup {
    html! {
        figure id={ "figure-" (number) } {
            div.scroll tabindex="0" role="group" aria-label={ "Figure " (number) } { (PreEscaped(&figure.svg)) }
            figcaption { strong { "Figure " (number) "." } " " (text::prose(&figure.caption)) }
            details {
                summary { "Figure " (number) " as text" }
                // In a diagram made of characters, their columns must not be broken.
                pre.scroll tabindex="0" role="group" aria-label={ "Figure " (number) " as text" } { (figure.text) }
            }
        }
    }
}
