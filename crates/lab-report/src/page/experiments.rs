//! The experiments, each with its commands and files, folded unless one failed.

use lab_page::{mark, text};
use maud::{Markup, html};

use super::{PageIndex, figures};
use crate::{
    formatting,
    sheet::{ExperimentReport, State},
};

pub(super) fn section(index: &PageIndex<'_>) -> Markup {
    html! {
        section aria-labelledby="experiments" {
            h2 #experiments { "Experiments" }
            @if index.experiments.is_empty() {
                p.missing { strong { "No experiments. " } "Nothing was run." }
            }
            @for (first, experiment) in &index.experiments { (article(index, *first, experiment)) }
        }
    }
}

fn article(index: &PageIndex<'_>, first: usize, experiment: &ExperimentReport) -> Markup {
    let id = text::anchor("experiment-", &experiment.name);
    let is_done = experiment.state == State::Done;
    html! {
        article.experiment id=(id) aria-labelledby={ (id) "-title" } {
            details open[experiment.state == State::Failed] {
                summary {
                    h3 id={ (id) "-title" } {
                        (experiment.name) " "
                        span.state { (mark(is_done)) " " (experiment.state) }
                    }
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
                            dd { (formatting::duration(experiment.seconds)) " " span.varies { "varies from run to run" } }
                        }
                    }
                    @if let Some(path) = &experiment.capture {
                        div { dt { "Capture" } dd { a.file href=(path) { (path) } } }
                    }
                    @if let Some(path) = &experiment.output {
                        div { dt { "Output" } dd { a.file href=(path) { (path) } } }
                    }
                    @if let Some(reconciliation) = index.reconciliation(&experiment.name) {
                        div {
                            dt { "Account" }
                            dd {
                                a href={ "#" (text::anchor("account-", &reconciliation.experiment)) } {
                                    (if reconciliation.balances() { "balanced" } else { "not balanced" })
                                }
                            }
                        }
                    }
                }
            }
            (figures::of_experiment(index, first, experiment))
        }
    }
}
