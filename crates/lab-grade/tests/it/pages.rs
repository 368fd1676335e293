//! The pages of a grading: whole, escaped, with links that lead somewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lab_test::page::{check_inert, check_page, values};

use crate::grading::{Grading, begin, lacks, submission};

/// What a page must not obey.
const HOSTILE: &str = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}";

/// Every page in a folder and the folders in it.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { pages(&path) } else { vec![path] }).collect()
}

/// Checks all pages, and that each of their links leads to a file.
#[track_caller]
fn check(folder: &Path) {
    for path in pages(folder) {
        let page = fs::read_to_string(&path).unwrap();
        check_page(&page);
        check_inert(&page);
        for address in values(&page, "href").into_iter().filter(|address| !address.starts_with('#')) {
            let file = path.parent().unwrap().join(address.replace("%20", " "));
            assert!(file.is_file(), "{}: {address}", path.display());
        }
    }
}

#[test]
fn a_class_has_a_page_and_each_submission_too_with_all_links_and_nothing_obeyed() {
    if lacks(&["python3"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let class = place.path().join("class");
    let hostile = format!("print({HOSTILE:?}, flush=True)\n").replace("\\u{202e}", "\\u202e");
    let connect = "import socket\nlink = socket.create_connection((\"tcpip.epfl.ch\", 5003))\n\
                   link.sendall(b'CMD_short:0')\nlink.recv(4096)\n";
    let hostile = connect.to_owned() + &hostile;
    submission(&class.join("Lab3_1_2"), &[("Part2", &hostile)]);
    submission(&class.join("Lab3_3_<b>&"), &[]);
    let arguments = ["--only", "part2-at-once", "--only", "part4-sender", "--html", "web pages", "--class", "class"];
    let outcome = begin(place.path(), &arguments).finish(lab_test::PATIENCE).unwrap();
    assert_eq!(outcome.code(), 1, "{}", outcome.stderr());
    let web = place.path().join("web pages");
    check(&web);
    let index = fs::read_to_string(web.join("index.html")).unwrap();
    assert_eq!(values(&index, "href").iter().filter(|address| address.starts_with("submissions/")).count(), 2);
    assert!(index.contains("Lab3_3_&lt;b&gt;&amp;"), "{index}");
    let cases = index.split_once("id=\"cases\"").unwrap().1;
    assert!(
        cases.contains("part2-at-once</th>") && cases.contains(">1 of 2<") && cases.contains(">2 of 2<"),
        "{cases}"
    );

    let page = fs::read_to_string(web.join("submissions/Lab3_1_2.html")).unwrap();
    let article = page.split_once("id=\"case-part2-at-once\"").unwrap().1.split_once("</article>").unwrap().0;
    for words in
        ["<details open>", "failed, 0 of 3 points", "<dt>Expected</dt>", "<dt>Story</dt>", "<svg ", ".pcapng\""]
    {
        assert!(article.contains(words), "{words}: {article}");
    }
    assert!(article.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{article}");
    assert!(!page.contains('\u{202e}'));
    let passed = page.split_once("id=\"case-part4-sender-lines\"").unwrap().1.split_once("</article>").unwrap().0;
    assert!(!passed.contains("<details open>") && !passed.contains("<svg "), "{passed}");

    // Merging finds the captures in the folders of the gradings.
    let mut merge = std::process::Command::new(crate::grading::LAB_GRADE);
    merge.current_dir(place.path()).args(["merge", "out", "--html", "merged"]);
    lab_process::Program::spawn(merge).unwrap().finish(lab_test::PATIENCE).unwrap();
    check(&place.path().join("merged"));
    let merged = fs::read_to_string(place.path().join("merged/submissions/Lab3_1_2.html")).unwrap();
    assert!(merged.contains(".pcapng\"") && merged.contains("<svg "));
    // The JSON is for programs: it names the capture, and has no drawings.
    let grading = Grading::in_place(place, outcome);
    assert!(
        grading.case("part2-at-once")["capture"].is_string() && grading.case("part2-at-once").get("diagrams").is_none()
    );
}
