//! The questions, each with its answer, explanation, measured values and links.

use maud::{Markup, html};

use super::{PageIndex, text};
use crate::sheet::{Answer, ExperimentReport, MeasuredValue};

/// The topic of a part, in a few words.
pub(super) fn title(part: u8) -> &'static str {
    match part {
        1 => "first sockets",
        2 => "TCP is a stream",
        3 => "UDP loses packets",
        4 => "multicast",
        5 => "WebSocket",
        6 => "TLS",
        _ => "more",
    }
}

pub(super) fn parts(index: &PageIndex<'_>) -> Markup {
    html! {
        @for answers in index.sheet.answers.chunk_by(|one, next| one.part == next.part) {
            @let part = answers.first().map_or(0, |answer| answer.part);
            section aria-labelledby={ "part" (part) } {
                h2 id={ "part" (part) } { "Part " (part) ": " (title(part)) }
                @for answer in answers { (article(index, answer)) }
            }
        }
    }
}

fn article(index: &PageIndex<'_>, answer: &Answer) -> Markup {
    let id = text::anchor("", &answer.question);
    html! {
        article.question id=(id) aria-labelledby={ (id) "-asks" } {
            h3 id={ (id) "-asks" } { span.number { (answer.question) } " " (text::prose(&answer.asks)) }
            @if !answer.is_answered() {
                p.missing {
                    strong { "No answer. " }
                    (text::prose(answer.missing.as_deref().unwrap_or("Nothing was measured for it.")))
                }
            }
            (items(answer))
            @if !answer.why.is_empty() {
                p.why { strong { "Why: " } (text::prose(&answer.why)) }
            }
            (measured(answer))
            (references(index, answer))
        }
    }
}

fn items(answer: &Answer) -> Markup {
    html! {
        @match answer.items.as_slice() {
            [] => {}
            [only] if only.label.is_empty() => p.answer { (text::prose(&only.text)) },
            items => dl.answer {
                @for item in items {
                    div {
                        dt { @if item.label.is_empty() { "also" } @else { (item.label) } }
                        dd { (text::prose(&item.text)) }
                    }
                }
            }
        }
    }
}

fn measured(answer: &Answer) -> Markup {
    html! {
        @if !answer.measured.is_empty() {
            table.measured {
                caption { "Measured for " (answer.question) }
                thead { tr { th scope="col" { "What" } th scope="col" { "Value" } } }
                tbody { @for measured in &answer.measured { (row(measured)) } }
            }
        }
    }
}

fn row(measured: &MeasuredValue) -> Markup {
    html! {
        tr {
            th scope="row" { (text::prose(&measured.name)) }
            td {
                (measured.value)
                @if measured.varies { " " span.varies { "varies from run to run" } }
            }
        }
    }
}

fn references(index: &PageIndex<'_>, answer: &Answer) -> Markup {
    html! {
        @if !answer.experiments.is_empty() {
            div.evidence {
                p { "Look it up" }
                ul {
                    @for name in &answer.experiments {
                        li {
                            (index.link(name))
                            @if let Some((first, experiment)) = index.experiment(name) { (figure_and_file_links(first, experiment)) }
                        }
                    }
                }
            }
        }
    }
}

fn figure_and_file_links(first: usize, experiment: &ExperimentReport) -> Markup {
    html! {
        @for number in first..first + experiment.figures.len() {
            ", " a href={ "#figure-" (number) } { "figure " (number) }
        }
        @for path in [&experiment.capture, &experiment.output].into_iter().flatten() {
            ", " a.file href=(path) { (path) }
        }
    }
}
