//! The documents: what is typed in from them works.

use std::{fs, path::PathBuf};

use crate::{
    RUN_LAB,
    help::{commands, help},
    workspace,
};
use lab_test::lacks_sibling;

/// A block of code of a document: its language, and its text.
pub(crate) struct Block<'a> {
    pub(crate) language: &'a str,
    pub(crate) text: &'a str,
}

/// The blocks of a document in Markdown.
pub(crate) fn blocks(document: &str) -> Vec<Block<'_>> {
    let fenced = document.split("\n```").skip(1).step_by(2);
    let blocks = fenced.map(|block| block.split_once('\n').unwrap_or((block, "")));
    blocks.map(|(language, text)| Block { language, text }).collect()
}

/// The documents at the top and those of the crates.
fn documents() -> Vec<PathBuf> {
    let folders = workspace::members().into_iter().chain([workspace::root()]);
    let files = folders.flat_map(|folder| workspace::entries(&folder));
    files.filter(|file| file.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The commands that a block shows: all lines of one to paste, of a session those behind the prompt.
fn command_lines(block: &Block<'_>) -> Vec<String> {
    let text = block.text.replace("\\\n", " ");
    let lines = text.lines();
    match block.language {
        "sh" => lines.map(str::to_owned).collect(),
        "console" => lines.filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The programs of ours in a command line, each with its arguments.
fn calls<'a>(line: &'a str, programs: &[String]) -> Vec<Vec<&'a str>> {
    let line = line.split('#').next().unwrap_or_default();
    // A quoted word may be a command line itself.
    let simple = line.split(['\'', '"', '|', '&', ';']).flat_map(|part| part.split(" -- "));
    let call = |part: &'a str| {
        let mut words: Vec<_> = part.split_whitespace().skip_while(|word| !programs.contains(&name(word))).collect();
        if let Some(program) = words.first_mut() {
            *program = program.rsplit('/').next().unwrap_or_default();
        }
        words
    };
    simple.map(call).filter(|call| !call.is_empty()).collect()
}

/// The name of a program that may be called by its path.
fn name(program: &str) -> String {
    program.rsplit('/').next().unwrap_or_default().to_owned()
}

#[test]
fn every_option_in_a_document_is_one_of_its_program() {
    let programs: Vec<_> = workspace::programs().into_iter().filter(|name| !lacks_sibling(RUN_LAB, name)).collect();
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for line in blocks(&text).iter().flat_map(command_lines) {
            for call in calls(&line, &programs) {
                let command = commands(call[0]).into_iter().find(|command| call.get(1) == Some(&command.as_str()));
                let help = help(call[0], None, 1000) + &help(call[0], command.as_deref(), 1000);
                for option in call.iter().filter(|word| word.starts_with("--")) {
                    let option = option.split('=').next().unwrap();
                    let listed = help.split([' ', ',', '\n']).any(|word| word == option);
                    assert!(listed, "{}: {} has no {option}: {line}", document.display(), call[0]);
                    checked += 1;
                }
            }
        }
    }
    assert!(programs.len() < 15 || checked > 40, "{checked} options in the documents");
}

#[test]
fn blocks_and_calls_are_found() {
    let found = blocks("a\n```sh\nb\n```\nc\n```console\n$ d\ne\n```\n");
    let found: Vec<_> = found.iter().map(|block| (block.language, command_lines(block))).collect();
    assert_eq!(found, [("sh", vec!["b".to_owned()]), ("console", vec!["d".to_owned()])]);
    let programs = ["ttp".to_owned(), "lab-capture".to_owned()];
    let line = "$ ttp init --dir x && lab-capture run --out y -- other --z   # ttp --w";
    assert_eq!(calls(line, &programs), [vec!["ttp", "init", "--dir", "x"], vec!["lab-capture", "run", "--out", "y"]]);
}
