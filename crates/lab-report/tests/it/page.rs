//! The page, its data and its figures, made from a sheet with everything in it.

use std::{collections::BTreeSet, fs, path::Path};

use lab_report::{
    Error, folder, json, page,
    sheet::{AnswerSheet, Figure, Item},
};
use lab_test::page::{check_inert, check_page, values};
use serde_json::Value;

use crate::{browser, fixture};

#[test]
fn the_page_is_whole_and_names_all_for_those_who_listen() {
    for sheet in [fixture::sheet(), AnswerSheet::default()] {
        check_page(&page::html(&sheet));
    }
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let page = page::html(&fixture::sheet());
    check_inert(&page);
    for address in values(&page, "href") {
        let is_ours = ["#", "captures/", "output/", "answers."].iter().any(|start| address.starts_with(start));
        assert!(is_ours, "{address}");
    }
}

#[test]
fn text_from_programs_is_shown_and_not_obeyed() {
    let page = page::html(&fixture::sheet());
    let escaped = "&lt;script&gt;alert(&quot;Q1&quot;)&lt;/script&gt; &amp; &quot;quoted&quot; 'too' &lt;/style&gt;&lt;/title&gt;";
    // In an answer, in why, in both cells of a measured row, in the reason of a missing one, in three notes of entries,
    // in a check, and in the trouble of an experiment.
    assert_eq!(page.matches(escaped).count(), 10);
    assert!(!page.contains(fixture::HOSTILE));
}

#[test]
fn all_landmarks_and_headings_are_there() {
    let page = page::html(&fixture::sheet());
    for landmark in ["<header>", "<main>", "<nav ", "<footer>"] {
        assert_eq!(page.matches(landmark).count(), 1, "{landmark}");
    }
    assert!(["<h1", "<h2", "<h3"].map(|heading| page.matches(heading).count()).iter().sum::<usize>() > 28 + 6);
}

#[test]
fn the_summary_counts_answers_and_accounts_in_words() {
    let page = page::html(&fixture::sheet());
    let summary = page.split_once("id=\"summary\"").unwrap().1.split_once("</section>").unwrap().0;
    for words in ["26 of 28 questions answered", "#q20", "#q21", "1 of 3 accounts not balanced", "Incomplete"] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    let mut sheet = fixture::sheet();
    sheet.reconciliations.remove(1);
    assert!(page::html(&sheet).contains("All balanced"));
}

#[test]
fn an_account_that_does_not_balance_comes_first() {
    let page = page::html(&fixture::sheet());
    let place = |name: &str| page.find(&format!("id=\"account-{name}\"")).unwrap();
    assert!(place("part2-flood") < place("part2-short-0") && place("part2-short-0") < place("part5-short"));
    assert_eq!(page.matches("not balanced: 1 check failed").count(), 1);
}

#[test]
fn a_question_leads_to_its_experiments_figures_and_files() {
    let page = page::html(&fixture::sheet());
    let article = page.split_once("id=\"q15\"").unwrap().1.split_once("</article>").unwrap().0;
    for address in
        ["#experiment-part2-flood", "#figure-2", "#figure-3", "captures/part2-flood.pcapng", "output/part2-flood.txt"]
    {
        assert!(article.contains(&format!("href=\"{address}\"")), "{address}: {article}");
    }
    assert!(article.contains("<li>not-on-the-sheet</li>"));
}

#[test]
fn figures_are_folded_at_their_question_and_stand_there_once() {
    let page = page::html(&fixture::sheet());
    let article = |id: &str| page.split_once(&format!("id=\"{id}\"")).unwrap().1.split_once("</article>").unwrap().0;
    for (question, figure) in [("q11", "figure-1"), ("q15", "figure-2"), ("q15", "figure-3"), ("q17", "figure-4")] {
        let id = format!("<figure id=\"{figure}\"");
        let folded = article(question).split_once(&id).unwrap_or_else(|| panic!("{figure} in {question}")).0;
        assert!(folded.rfind("<details class=\"figure\">") > folded.rfind("</figure>"), "{figure} is not folded");
        assert_eq!(page.matches(&id).count(), 1);
    }
    // Another question that rests on the same experiment leads there.
    assert!(article("q12").contains("href=\"#figure-1\"") && !article("q12").contains("<svg"));
    // Without such a question they are at their experiment.
    let mut sheet = fixture::sheet();
    sheet.answers.clear();
    let page = page::html(&sheet);
    let experiment = page.split_once("id=\"experiment-part2-flood\"").unwrap().1.split_once("</article>").unwrap().0;
    assert!(experiment.contains("<figure id=\"figure-2\"") && experiment.contains("<figure id=\"figure-3\""));
}

#[test]
fn answers_with_one_label_stand_together_and_those_without_are_a_list() {
    let mut sheet = fixture::sheet();
    let item = |label: &str, text: &str| Item { label: label.to_owned(), text: text.to_owned(), varies: false };
    sheet.answers[2].items = vec![item("", "One."), item("", "Two.")];
    sheet.answers[3].items =
        vec![item("", "Yes."), item("TLS 1.2", "One."), item("TLS 1.2", "Two."), item("TLS 1.3", "Three.")];
    let page = page::html(&sheet);
    assert!(page.contains("<ul class=\"answer\"><li>One.</li><li>Two.</li></ul>"));
    let grouped = "<div class=\"answer\"><p>Yes.</p><dl><div><dt>TLS 1.2</dt><dd><ul><li>One.</li><li>Two.</li></ul></dd></div>\
                   <div><dt>TLS 1.3</dt><dd>Three.</dd></div></dl></div>";
    assert!(page.contains(grouped), "{}", page.split_once("id=\"q4\"").unwrap().1.split_once("</article>").unwrap().0);
    assert!(!page.contains(">also<"));
}

#[test]
fn a_value_of_many_fields_is_folded() {
    let mut sheet = fixture::sheet();
    sheet.answers[24].measured[0].value = "packet 7, 154 bytes; version: 1; random: 2; extensions: 3".to_owned();
    let page = page::html(&sheet);
    let folded =
        "<td><details><summary>packet 7, 154 bytes, 3 fields</summary><ul class=\"fields\"><li>version: 1</li>";
    assert!(page.contains(folded));
}

#[test]
fn what_balances_is_folded_and_what_failed_is_open() {
    let page = page::html(&fixture::sheet());
    let is_open = |id: &str| {
        let tag = page.split_once(&format!("id=\"{id}\"")).unwrap().1.split_once("<details").unwrap().1;
        tag.starts_with(" open>")
    };
    assert!(is_open("account-part2-flood") && !is_open("account-part2-short-0"));
    assert!(is_open("experiment-part4-multicast") && !is_open("experiment-part2-flood"));
}

#[test]
fn the_data_has_what_its_schema_requires_and_nothing_else() {
    let answers: Value = serde_json::from_str(&json::answers(&fixture::sheet()).unwrap()).unwrap();
    let schema: Value = serde_json::from_str(&json::schema().unwrap()).unwrap();
    lab_test::check_schema(&answers, &schema);
    assert_eq!(answers["answers"].as_array().map(Vec::len), Some(28));
    assert!(answers["experiments"][0].get("figures").is_none());
}

#[test]
fn a_folder_gets_three_files_and_keeps_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    folder::write(&report, &AnswerSheet::default()).unwrap();
    let sheet = fixture::sheet();
    folder::write(&report, &sheet).unwrap();
    let mut names: Vec<_> = fs::read_dir(&report).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [json::ANSWERS, json::SCHEMA, folder::PAGE]);
    assert_eq!(fs::read_to_string(report.join(folder::PAGE)).unwrap(), page::html(&sheet));
    assert_eq!(fs::read_to_string(report.join(json::ANSWERS)).unwrap(), json::answers(&sheet).unwrap());
}

#[test]
fn a_folder_that_cannot_be_says_what_was_attempted_on_which_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = folder::write(&file.join("report"), &AnswerSheet::default()).unwrap_err();
    assert!(matches!(error, Error::File { .. }));
    assert!(
        error.to_string().starts_with(&format!("cannot make the folder {}", file.join("report").display())),
        "{error}"
    );
    // The page's place is taken by a folder: the data is new, and nothing unfinished is left.
    let report = folder.path().join("report");
    fs::create_dir_all(report.join(folder::PAGE)).unwrap();
    let error = folder::write(&report, &AnswerSheet::default()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write ") && error.to_string().contains(folder::PAGE), "{error}");
    assert_eq!(fs::read_dir(&report).unwrap().count(), 3);
}

#[test]
fn q15_and_q17_have_plots_that_can_be_read_without_being_seen() {
    let check = |figure: Figure, drawn: &[&str], told: &[&str]| {
        assert!(figure.svg.starts_with("<svg ") && figure.svg.ends_with("</svg>"));
        let description = figure.svg.split_once("<desc").unwrap().1.split_once("</desc>").unwrap().0;
        for words in told {
            assert!(
                description.contains(words) && figure.text.contains(words),
                "{words}:\n{description}\n{}",
                figure.text
            );
        }
        for words in drawn {
            assert!(figure.svg.contains(&format!(">{words}<")), "{words}: {}", figure.svg);
        }
    };
    check(fixture::histogram(), &["mean: 2.48 packets", "expected for a loss of 0.6", "11"], &["23", "24.0", "2.48"]);
    check(fixture::bars(), &["257 calls", "46 packets"], &["recv takes up to 4,096 bytes: 31 calls, 46 packets"]);
    check(fixture::steps(), &["bytes received", "milliseconds"], &["65,536 bytes in 46 packets", "300.0 ms"]);
}

#[test]
fn two_plots_of_a_kind_share_no_id() {
    let id =
        |svg: &str| values(&format!("<body>{svg}"), "id").iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    let one = lab_report::plot::steps("one", "a", &[(0.1, 10)]);
    let two = lab_report::plot::steps("two", "a", &[(0.1, 10)]);
    assert_eq!(id(&one.svg).len(), 2);
    assert!(id(&one.svg).is_disjoint(&id(&two.svg)));
}

#[test]
fn the_page_is_as_wide_as_the_screen() {
    const SCRIPT: &str = "const root = document.documentElement; tell(innerWidth + ' ' + root.scrollWidth + ' ' +
        [...document.querySelectorAll('body *')].filter(element => !element.closest('.scroll, .unseen, .skip, thead') &&
        element.getBoundingClientRect().right > innerWidth + 1).map(element => element.outerHTML.slice(0, 80)).join());";
    let Some(browser) = browser::installed("the_page_is_as_wide_as_the_screen") else { return };
    let page = page::html(&fixture::sheet());
    for width in [320, 400, 1280] {
        let told = browser::told_by(browser, &page, SCRIPT, width, false);
        let (inner, rest) = told.split_once(' ').unwrap();
        let (scrolled, wider) = rest.split_once(' ').unwrap();
        assert_eq!(inner, width.to_string());
        let scrolled: u32 = scrolled.parse().unwrap();
        assert!(scrolled <= width && wider.is_empty(), "{scrolled} pixels at {width}: {wider}");
    }
}

/// Leaves the page where whoever changes it can look at it: `target/tmp/report/index.html`.
#[test]
fn the_page_can_be_looked_at() {
    folder::write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("report"), &fixture::sheet()).unwrap();
}
