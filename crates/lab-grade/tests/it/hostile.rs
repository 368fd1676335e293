//! Submissions that mean harm: none gains a point, and none harms a reader of the results.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use zip::{ZipWriter, write::SimpleFileOptions};

use crate::grading::{Grading, lacks};

/// A right answer to `CMD_short:0`, for somebody who knows it.
const CANNED: &str = "print('\\n'.join(f'This is PMU data {n}' for n in range(1, 11)))\n";

fn grade(only: &[&str], source: &str) -> Grading {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("pdc.py");
    fs::write(&program, source).unwrap();
    let only: Vec<&str> = only.iter().flat_map(|only| ["--only", only]).collect();
    Grading::of(&[&only[..], &["--part", "2", "--", "python3", program.to_str().unwrap()]].concat())
}

#[test]
fn an_answer_without_a_connection_gains_nothing() {
    if lacks(&["python3"]) {
        return;
    }
    let grading = grade(&["part2-at-once", "part2-n-any"], CANNED);
    assert_eq!((grading.outcome.code(), &grading.submission()["score"]), (1, &0.into()));
}

#[test]
fn an_answer_that_was_not_read_gains_nothing() {
    if lacks(&["python3"]) {
        return;
    }
    let connect = "import socket, sys\nlink = socket.create_connection(('tcpip.epfl.ch', 5003))\n\
                   link.sendall(sys.argv[1].encode())\nlink.close()\n";
    let grading = grade(&["part2-at-once"], &format!("{connect}{CANNED}"));
    assert_eq!((grading.outcome.code(), &grading.submission()["score"]), (1, &0.into()));
}

#[test]
fn html_and_terminal_escapes_are_text_in_all_results() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join("pdc.py");
    let harm = "import sys\nprint('<script>alert(1)</script>\\x1b[2J\\u202e]]>')\nsys.stderr.write('\\x1b]0;x\\x07=1+1\\n')\nsys.exit(3)\n";
    fs::write(&program, harm).unwrap();
    let files = ["a.xml", "a.csv", "a.json"].map(|name| place.path().join(name).display().to_string());
    let outputs = ["--junit", &files[0], "--csv", &files[1], "--gradescope", &files[2]];
    let part = ["--only", "part2-at-once", "--part", "2", "--", "python3", program.to_str().unwrap()];
    let grading = Grading::of(&[&outputs[..], &part].concat());
    let texts = files.each_ref().map(|file| fs::read_to_string(file).unwrap());
    for text in texts.iter().chain([&grading.outcome.stdout(), &grading.outcome.stderr()]) {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text}");
    }
    assert!(texts[0].contains("&lt;script&gt;") && !texts[0].contains("<script>"), "{}", texts[0]);
    let gradescope: serde_json::Value = serde_json::from_str(&texts[2]).unwrap();
    let test = &gradescope["tests"][0];
    assert_eq!((&test["score"], &test["output_format"]), (&0.into(), &"text".into()));
    assert!(test["output"].as_str().unwrap().contains("<script>"), "as text");
}

fn archive(path: &Path, entries: &[(&str, &str)]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, text) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn a_zip_that_leads_out_of_its_folder_is_refused_and_the_next_one_is_graded() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let class = place.path().join("class");
    fs::create_dir(&class).unwrap();
    let right = fs::read_to_string(crate::grading::python("part2_pdc.py")).unwrap();
    archive(&class.join("Lab3_1_2.zip"), &[("Part2_1_2.py", &right), ("../../../../../../tmp/lab-grade-evil", "x")]);
    archive(&class.join("Lab3_3_4.zip"), &[("Lab3_3_4/Part2_3_4.py", &right)]);
    fs::write(class.join("Lab3_5_6.zip"), "no zip").unwrap();
    let grading = Grading::of(&["--only", "part2-at-once", "--class", class.to_str().unwrap()]);
    assert_eq!(grading.outcome.code(), 1, "{}", grading.outcome.stderr());
    let verdict = |at: usize| grading.json["submissions"][at]["cases"][0]["verdict"].as_str().unwrap().to_owned();
    assert_eq!([verdict(0), verdict(1), verdict(2)], ["skipped", "passed", "skipped"]);
    let note = grading.json["submissions"][0]["notes"][0].as_str().unwrap();
    assert!(note.contains("leads out of the folder"), "{note}");
    assert!(!Path::new("/tmp/lab-grade-evil").exists());
}

#[test]
fn a_program_that_writes_without_end_is_ended() {
    if lacks(&["python3"]) {
        return;
    }
    let grading = grade(&["part2-at-once"], "while True: print('x' * 10000)\n");
    let case = grading.case("part2-at-once");
    assert_eq!((grading.outcome.code(), &grading.submission()["score"]), (1, &0.into()), "{case:#}");
}

#[test]
fn a_program_sees_no_variable_of_who_grades_and_writes_no_large_file() {
    if lacks(&["python3"]) {
        return;
    }
    let source = "import os\nprint(sorted(os.environ))\nfile = open('large', 'wb')\n\
                  for _ in range(100): file.write(bytes(1 << 20))\nprint('written')\n";
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("pdc.py"), source).unwrap();
    let part =
        ["--out", "out", "--only", "part2-n-1", "--edition", "handout", "--part", "2", "--", "python3", "pdc.py"];
    let mut command = std::process::Command::new(crate::grading::LAB_GRADE);
    command.current_dir(place.path()).args(part).env("GITHUB_TOKEN", "secret").env("LAB_SERVER", "localhost");
    let outcome = lab_test::finish(lab_test::spawn(command));
    assert_eq!(outcome.code(), 1, "{}", outcome.stderr());
    let output = fs::read_to_string(place.path().join("out/part2/n-1/output/part2-short-0.txt")).unwrap();
    assert!(output.contains("'PATH'") && !output.contains("TOKEN") && !output.contains("LAB_"), "{output}");
    assert!(!output.contains("written"), "{output}");
    let left = fs::metadata(place.path().join("large")).map_or(0, |large| large.len());
    assert!(left <= 64 << 20, "{left}");
}
