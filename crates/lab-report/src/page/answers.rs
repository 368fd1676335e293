//! The questions, each with its answer, explanation, measured values and links.

use lab_page::text;
use maud::{Markup, html};

use super::{PageIndex, figures};
use crate::{
    formatting,
    sheet::{Answer, ExperimentReport, Item, MeasuredValue},
};

/// From so many fields on a value is folded (ours).
const MANY_FIELDS: usize = 3;

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
            (figures::of_question(index, answer))
            (references(index, answer))
        }
    }
}

fn items(answer: &Answer) -> Markup {
    let has_label = |item: &Item| !item.label.is_empty();
    html! {
        @match answer.items.as_slice() {
            [] => {}
            [only] if !has_label(only) => p.answer { (said(only)) },
            items if !items.iter().any(has_label) => ul.answer {
                @for item in items { li { (said(item)) } }
            },
            items => div.answer {
                @for run in items.chunk_by(|one, next| has_label(one) == has_label(next)) {
                    @if run.iter().any(has_label) { (labelled(run)) }
                    @else { @for item in run { p { (said(item)) } } }
                }
            }
        }
    }
}

fn said(item: &Item) -> Markup {
    html! {
        (text::prose(&item.text))
        @if item.varies { " " span.varies { "varies from run to run" } }
    }
}

/// Answers with labels: those with the same one stand together.
fn labelled(items: &[Item]) -> Markup {
    html! {
        dl {
            @for group in items.chunk_by(|one, next| one.label == next.label) {
                div {
                    @for item in group.iter().take(1) { dt { (item.label) } }
                    dd {
                        @match group {
                            [only] => (said(only)),
                            several => ul { @for item in several { li { (said(item)) } } },
                        }
                    }
                }
            }
        }
    }
}

fn measured(answer: &Answer) -> Markup {
    html! {
        @if !answer.measured.is_empty() {
            details.more {
                summary { "Measured: " (formatting::count(answer.measured.len() as u64, "value")) }
                table.measured {
                    caption { "Measured for " (answer.question) }
                    thead { tr { th scope="col" { "What" } th scope="col" { "Value" } } }
                    tbody { @for measured in &answer.measured { (row(measured)) } }
                }
            }
        }
    }
}

fn row(measured: &MeasuredValue) -> Markup {
    html! {
        tr {
            th scope="row" { (text::prose(&measured.name)) }
            td {
                (value(&measured.value))
                @if measured.varies { " " span.varies { "varies from run to run" } }
            }
        }
    }
}

/// A value; one of many fields, such as those of a ClientHello, is folded but for the first one.
fn value(value: &str) -> Markup {
    let fields: Vec<&str> = value.split("; ").collect();
    html! {
        @match fields.as_slice() {
            [first, rest @ ..] if rest.len() >= MANY_FIELDS => details {
                summary { (first) ", " (formatting::count(rest.len() as u64, "field")) }
                ul.fields { @for field in rest { li { (field) } } }
            },
            _ => (value),
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
