//! How a run ends, and what it leaves.

use std::fs;

use lab_test::PATIENCE;

use crate::{
    lab::scene,
    shown::{connections, lines},
};

/// Says a word to itself, announces it, and goes on until somebody ends it.
const TALK: &str = "
import socket, subprocess, signal, sys
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); receiver.bind(('127.0.0.1', 6002))
receiver.sendto(b'one', ('127.0.0.1', 6002)); receiver.recv(9)
subprocess.Popen(['setsid', 'sh', '-c', 'sleep 300 & sleep 300'])
def leave(*_):
    receiver.sendto(b'bye', ('127.0.0.1', 6002)); print('bye', flush=True); sys.exit(0)
signal.signal(signal.SIGINT, leave)
print('up', flush=True)
signal.pause()
";

#[test]
fn ctrl_c_ends_the_command_in_its_own_way_and_leaves_a_file() {
    scene(&["python3", "setsid", "kill"], |lab| {
        for is_terminal in [false, true] {
            let mut run = lab.start(&["--", "python3", "-c", TALK]);
            run.line_with("begin", PATIENCE, |line| line.text == "up").unwrap();
            assert!(!lab.processes().is_empty());
            if is_terminal {
                lab.signal_group("INT", &run);
            } else {
                run.interrupt();
            }
            let outcome = run.finish(PATIENCE).unwrap();
            assert_eq!((outcome.code(), outcome.stdout().as_str()), (130, "up\nbye\n"), "{}", outcome.stderr());
            assert_eq!(
                lines(&outcome.stderr(), "note: 2 packets are in capture.pcapng").len(),
                1,
                "{}",
                outcome.stderr()
            );
            lab.await_silence();
            assert_eq!(lab.count("capture.pcapng")["flows"][0]["sent"]["bytes"], 6);
            // The folder of the key log is gone as well.
            assert_eq!(fs::read_dir(lab.temporary()).unwrap().count(), 0);
            fs::remove_file(lab.folder().join("capture.pcapng")).unwrap();
        }
    });
}

#[test]
fn a_command_that_ignores_ctrl_c_is_ended_and_what_passed_is_kept() {
    scene(&["mock-servers", "part2-pdc"], |lab| {
        let script = "trap '' INT; part2-pdc CMD_short:0; sleep 300";
        let mut run = lab.start(&["--mock-servers", "--path", "delay=1ms", "--", "sh", "-c", script]);
        run.line_with("show messages", PATIENCE, |line| line.text == "This is PMU data 10").unwrap();
        run.interrupt();
        assert_eq!(run.finish(PATIENCE).unwrap().code(), 130);
        lab.await_silence();
        assert_eq!(connections(&lab.count("capture.pcapng"))[0]["received"]["bytes"], 181);
    });
}

#[test]
fn the_kernel_ends_all_when_the_program_is_killed() {
    scene(&["python3", "setsid", "kill"], |lab| {
        let mut run = lab.start(&["--path", "delay=1ms", "--", "python3", "-c", TALK]);
        run.line_with("begin", PATIENCE, |line| line.text == "up").unwrap();
        lab.signal("KILL", &run);
        lab.await_silence();
        assert_eq!(run.finish(PATIENCE).unwrap().code(), 137);
    });
}

#[test]
fn what_a_command_leaves_behind_is_gone_after_it() {
    scene(&["setsid"], |lab| {
        let script = "(trap '' INT TERM HUP; exec sleep 300) & setsid sh -c 'sleep 300 &'; echo done";
        let outcome = lab.run(&["--", "sh", "-c", script]);
        assert_eq!((outcome.code(), outcome.stdout().as_str()), (0, "done\n"));
        lab.await_silence();
        assert_eq!(fs::read_dir(lab.temporary()).unwrap().count(), 0);
    });
}
