//! Figures, folded, at the question that they belong to.

use maud::{Markup, html};

use super::PageIndex;
use crate::sheet::{Answer, ExperimentReport};

/// The question at which an experiment's figures are, by the beginning of its name; other questions link to them.
const QUESTIONS: &[(&str, &str)] = &[
    ("part1-udp", "Q2"),
    ("part1-echo", "Q6"),
    ("part2-short", "Q11"),
    ("part2-flood", "Q15"),
    ("part3-reset", "Q16"),
    ("part3-series", "Q17"),
    ("part4", "Q18"),
    ("part5-short", "Q22"),
    ("part5-flood", "Q24"),
    ("part6", "Q25"),
];

/// The figures of a question.
pub(super) fn of_question(index: &PageIndex<'_>, answer: &Answer) -> Markup {
    let here = index.experiments.iter().filter(|(_, experiment)| is_at(index, experiment, answer));
    html! { @for (first, experiment) in here { (all_of(*first, experiment)) } }
}

/// The figures of an experiment to which no question belongs.
pub(super) fn of_experiment(index: &PageIndex<'_>, first: usize, experiment: &ExperimentReport) -> Markup {
    html! { @if question_of(index, experiment).is_none() { (all_of(first, experiment)) } }
}

fn is_at(index: &PageIndex<'_>, experiment: &ExperimentReport, answer: &Answer) -> bool {
    question_of(index, experiment).is_some_and(|question| question == answer.question)
}

/// The question that shows the figures of an experiment: of those that rest on it the one in the table, or the first one.
fn question_of<'a>(index: &PageIndex<'a>, experiment: &ExperimentReport) -> Option<&'a str> {
    let mut questions = index.sheet.answers.iter().filter(|answer| answer.experiments.contains(&experiment.name));
    let wanted = QUESTIONS.iter().find(|(name, _)| experiment.name.starts_with(name)).map(|(_, question)| *question);
    let is_wanted = |answer: &&Answer| wanted == Some(answer.question.as_str());
    questions.clone().find(is_wanted).or_else(|| questions.next()).map(|answer| answer.question.as_str())
}

fn all_of(first: usize, experiment: &ExperimentReport) -> Markup {
    let name = &experiment.name;
    html! {
        @for (number, figure) in (first..).zip(&experiment.figures) {
            (lab_page::figure(number, name, &figure.caption, &figure.svg, &figure.text))
        }
    }
}
