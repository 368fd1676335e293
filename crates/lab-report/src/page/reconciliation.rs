//! The reconciliation of each connection: the counts of programs, kernels and capture, and the checks.

use lab_page::{mark, text};
use maud::{Markup, html};

use super::PageIndex;
use crate::{
    formatting,
    sheet::{Check, Reconciliation, ReconciliationEntry},
};

pub(super) fn section(index: &PageIndex<'_>) -> Markup {
    let (right, wrong): (Vec<_>, Vec<_>) =
        index.sheet.reconciliations.iter().partition(|reconciliation| reconciliation.balances());
    html! {
        section aria-labelledby="reconciliation" {
            h2 #reconciliation { "Reconciliation" }
            p.lead {
                "The same bytes, counted independently: by the programs in their calls, by the kernels in segments, by the \
                 capture in packets. An account balances when all of them agree. Calls may differ from run to run."
            }
            @if index.sheet.reconciliations.is_empty() {
                p.missing { strong { "No accounts. " } "No connection was measured." }
            }
            @for reconciliation in wrong.into_iter().chain(right) { (article(index, reconciliation)) }
        }
    }
}

fn article(index: &PageIndex<'_>, reconciliation: &Reconciliation) -> Markup {
    let id = text::anchor("account-", &reconciliation.experiment);
    let failed = reconciliation.checks.iter().filter(|check| !check.holds).count();
    html! {
        article.account.bad[failed > 0] id=(id) aria-labelledby={ (id) "-title" } {
            details open[failed > 0] {
                summary {
                    h3 id={ (id) "-title" } {
                        (reconciliation.experiment) " "
                        span.state {
                            (mark(failed == 0))
                            @if failed == 0 {
                                " balanced"
                            } @else {
                                " not balanced: " (formatting::count(failed as u64, "check")) " failed"
                            }
                        }
                    }
                }
                // The cell of a number must not be broken, so the table may be wider than a phone.
                div.scroll tabindex="0" role="group" aria-label={ "Who counted what in " (reconciliation.experiment) } {
                    table {
                        caption { "Who counted what in " (index.link(&reconciliation.experiment)) }
                        thead {
                            tr {
                                th scope="col" { "Who" }
                                @for column in ["Calls", "Segments", "Bytes"] { th.amount scope="col" { (column) } }
                                th scope="col" { "Note" }
                            }
                        }
                        tbody { @for entry in &reconciliation.entries { (row(entry)) } }
                    }
                }
                ul.checks { @for check in &reconciliation.checks { (item(check)) } }
            }
        }
    }
}

fn row(entry: &ReconciliationEntry) -> Markup {
    html! {
        tr {
            th scope="row" { (entry.who) }
            @for amount in [entry.calls, entry.segments, entry.bytes] {
                td.amount {
                    @if let Some(amount) = amount {
                        (formatting::number(amount))
                    } @else {
                        span.none aria-hidden="true" { "–" } span.unseen { "not counted" }
                    }
                }
            }
            td { (text::prose(&entry.note)) }
        }
    }
}

fn item(check: &Check) -> Markup {
    html! {
        li.bad[!check.holds].good[check.holds] {
            (mark(check.holds))
            div {
                strong { (if check.holds { "holds:" } else { "does not hold:" }) }
                " " (text::prose(&check.claim)) ": " span.numbers { (check.numbers) }
            }
        }
    }
}
