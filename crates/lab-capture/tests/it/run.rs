//! `lab-capture run` as a user sees it: a command in a private network.

use lab_process::Stream;

use lab_test::PATIENCE;

use crate::{
    lab::scene,
    shown::{connections, lines, ten_messages},
};

#[test]
fn the_streams_and_the_exit_status_are_those_of_the_command() {
    scene(&[], |lab| {
        let outcome = lab.run_with(&["--", "sh", "-c", "cat; echo aside >&2; exit 3"], "hello\n");
        let note = "note: 0 packets are in capture.pcapng; look at them with: lab-capture show capture.pcapng\n";
        assert_eq!((outcome.code(), outcome.stdout()), (3, "hello\n".to_owned()));
        assert_eq!(outcome.stderr(), format!("aside\n{note}"));
        let status = |script| lab.run(&["--", "sh", "-c", script]).code();
        assert_eq!(
            (status("exit 0"), status("exit 255"), status("kill -9 $$"), status("kill -15 $$")),
            (0, 255, 137, 143)
        );
        // What looks like an option of ours belongs to the command.
        assert_eq!(lab.run(&["echo", "--out", "x"]).stdout(), "--out x\n");
        assert_eq!(lab.run(&["--", "sh", "-c", "echo $$ $PPID; pwd"]).stdout().lines().nth(1), lab.folder().to_str());
    });
}

#[test]
fn a_command_that_is_not_there_is_one_line() {
    scene(&[], |lab| {
        let outcome = lab.run(&["--", "./nothing"]);
        let stderr = outcome.stderr();
        assert_eq!(lines(&stderr, "error: "), ["error: cannot run ./nothing: No such file or directory"]);
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""));
        let outcome = lab.run(&["--server", "./nothing", "--", "true"]);
        assert_eq!((outcome.code(), lines(&outcome.stderr(), "error: ").len()), (1, 1), "{}", outcome.stderr());
    });
}

#[test]
fn where_there_can_be_no_file_the_command_does_not_run_in_vain() {
    scene(&[], |lab| {
        for (out, reason) in [("nowhere/x.pcapng", "No such file or directory"), (".", "is a directory")] {
            let outcome = lab.run(&["--out", out, "--", "echo", "in vain"]);
            assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""));
            assert_eq!(outcome.stderr(), format!("error: cannot write {out}: {reason}\n"));
        }
    });
}

#[test]
fn a_run_within_a_run_is_a_run() {
    scene(&["mock-servers", "part2-pdc"], |lab| {
        let inner = ["lab-capture", "run", "--out", "inner.pcapng", "--mock-servers", "--", "part2-pdc", "CMD_short:0"];
        let outcome = lab.run(&[&["--"][..], &inner].concat());
        assert_eq!((outcome.code(), outcome.stdout()), (0, ten_messages()), "{}", outcome.stderr());
        assert_eq!(connections(&lab.count("inner.pcapng")).len(), 1);
        assert_eq!(lab.count("capture.pcapng")["frames"], 0);
    });
}

#[test]
fn a_wrong_command_line_has_status_2() {
    scene(&[], |lab| {
        for wrong in [
            &[][..],
            &["--"],
            &["--path", "luck=1", "--", "true"],
            &["--path", "delay=5", "--", "true"],
            &["--snaplen", "10", "--", "true"],
            &["--wrong", "--", "true"],
        ] {
            let outcome = lab.run(wrong);
            let stderr = outcome.stderr();
            assert_eq!((outcome.code(), outcome.stdout().as_str()), (2, ""), "{wrong:?}");
            assert_eq!((lines(&stderr, "error: ").len(), lines(&stderr, "").len()), (1, 2), "{wrong:?}: {stderr}");
        }
        assert!(!lab.folder().join("capture.pcapng").exists());
    });
}

#[test]
fn output_comes_when_it_is_written() {
    scene(&[], |lab| {
        let mut run = lab.start(&["--", "sh", "-c", "echo first; read word; echo $word"]);
        run.line_with("show the first line", PATIENCE, |line| {
            (line.stream, line.text.as_str()) == (Stream::Stdout, "first")
        })
        .unwrap();
        run.input(b"second\n");
        assert_eq!(run.finish(PATIENCE).unwrap().stdout(), "first\nsecond\n");
    });
}
