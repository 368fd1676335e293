//! Reconciliation: for each connection what program, kernel and capture counted, and whether it agrees.

use maud::{Markup, html};

use super::{Places, head, text};
use crate::{
    sheet::{Account, Check, Entry},
    words,
};

pub(super) fn section(places: &Places<'_>) -> Markup {
    let (right, wrong): (Vec<_>, Vec<_>) = places.sheet.accounts.iter().partition(|account| account.balances());
    html! {
        section aria-labelledby="reconciliation" {
            h2 #reconciliation { "Reconciliation" }
            p.lead {
                "The same bytes, counted independently: by the programs in their calls, by the kernels in segments, by the \
                 capture in packets. An account balances when all of them agree. Calls may differ from run to run."
            }
            @if places.sheet.accounts.is_empty() {
                p.missing { strong { "No accounts. " } "No connection was measured." }
            }
            @for account in wrong.into_iter().chain(right) { (article(places, account)) }
        }
    }
}

fn article(places: &Places<'_>, account: &Account) -> Markup {
    let id = text::anchor("account-", &account.experiment);
    let failed = account.checks.iter().filter(|check| !check.holds).count();
    html! {
        article.account.bad[failed > 0] id=(id) aria-labelledby={ (id) "-title" } {
            h3 id={ (id) "-title" } {
                (account.experiment) " "
                span.state {
                    (head::mark(failed == 0))
                    @if failed == 0 { " balanced" } @else { " not balanced: " (words::count(failed as u64, "check")) " failed" }
                }
            }
            // The cell of a number must not be broken, so the table may be wider than a phone.
            div.scroll tabindex="0" role="group" aria-label={ "Who counted what in " (account.experiment) } {
                table {
                    caption { "Who counted what in " (places.link(&account.experiment)) }
                    thead {
                        tr {
                            th scope="col" { "Who" }
                            @for column in ["Calls", "Segments", "Bytes"] { th.amount scope="col" { (column) } }
                            th scope="col" { "Note" }
                        }
                    }
                    tbody { @for entry in &account.entries { (row(entry)) } }
                }
            }
            ul.checks { @for check in &account.checks { (item(check)) } }
        }
    }
}

fn row(entry: &Entry) -> Markup {
    html! {
        tr {
            th scope="row" { (entry.who) }
            @for amount in [entry.calls, entry.segments, entry.bytes] {
                td.amount {
                    @if let Some(amount) = amount {
                        (words::number(amount))
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
            (head::mark(check.holds))
            div {
                strong { (if check.holds { "holds:" } else { "does not hold:" }) }
                " " (text::prose(&check.claim)) ": " span.numbers { (check.numbers) }
            }
        }
    }
}
