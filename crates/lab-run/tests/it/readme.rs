//! The README: its first steps, pasted as they stand.

use std::{fs, path::Path, process::Command};

use lab_process::executable;
use lab_test::{Folder, PATIENCE, in_own_network, lacks_sibling, skip, spawn};

use crate::{RUN_LAB, documents::blocks, workspace};

/// What makes a loopback interface that has all of a machine's.
const LOOPBACK: &str = "ip link set lo up";

/// In place of `cargo`: the programs are built, or this test would not run. CI builds them by the same command.
const CARGO: &str = "#!/bin/sh\ntest \"$*\" = 'build --workspace'\n";

/// In place of `sleep`, which gives a server a second: until a socket listens that did not before, for half a minute at
/// most, so that the test holds on a busy machine.
const SLEEP: &str = r#"#!/bin/sh
touch "$HOME/seen"
for try in $(seq 300); do
    listening=$(awk '$4 == "0A" { print $10 }' /proc/net/tcp /proc/net/tcp6)
    for socket in $listening; do
        grep -qx "$socket" "$HOME/seen" || { echo "$listening" > "$HOME/seen"; exec /bin/sleep 1; }
    done
    /bin/sleep 0.1
done
exit 1
"#;

#[cfg(target_os = "linux")]
#[test]
fn the_first_steps_work_in_their_order_as_they_stand() {
    let used = ["mock-servers", "lab-report", "lab-grade", "channel-attack", "tls-server", "part6-pmu", "ttp"];
    if used.iter().any(|program| lacks_sibling(RUN_LAB, program)) {
        return;
    }
    in_own_network(LOOPBACK, || {
        let folder = Folder::new();
        let (checkout, tools) = (folder.file("checkout"), folder.file("tools"));
        fs::create_dir_all(checkout.join("target")).unwrap();
        fs::create_dir(&tools).unwrap();
        std::os::unix::fs::symlink(Path::new(RUN_LAB).parent().unwrap(), checkout.join("target/debug")).unwrap();
        executable::write(CARGO.as_bytes(), &tools.join("cargo")).unwrap();
        executable::write(SLEEP.as_bytes(), &tools.join("sleep")).unwrap();

        let document = fs::read_to_string(workspace::root().join("README.md")).unwrap();
        let steps = document.split_once("\n## First steps\n").unwrap().1;
        let steps: Vec<_> = blocks(steps).iter().filter(|block| block.language == "sh").map(|b| b.text).collect();
        assert!(steps.len() >= 6, "{} blocks", steps.len());
        // Each command that fails is named, and the next one runs, as in a terminal.
        let script = format!("trap 'echo \"status $?: $BASH_COMMAND\" >&2' ERR\n{}", steps.join("\n"));
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(&checkout).env("HOME", folder.path()).env_remove("LAB_SERVER");
        bash.env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()));
        let outcome = spawn(bash).finish(2 * PATIENCE).unwrap_or_else(|failure| panic!("{failure}"));

        let (stdout, stderr) = (outcome.stdout(), outcome.stderr());
        if stderr.contains("private networks") {
            return skip(&stderr);
        }
        for wrong in ["status ", "error: ", "warning: "] {
            let lines: Vec<_> = stderr.lines().filter(|line| line.starts_with(wrong)).collect();
            assert!(lines.is_empty(), "{lines:#?}\n{stderr}");
        }
        for shown in [
            "certs/cacert.pem",
            "This is PMU data 10",
            "OFFSET=",
            "swcmTV: ",
            "certs/123456_cert.pem",
            "28 of 28 questions answered",
            "friend's account is 256344.",
            "server hostname:     localhost (verified)",
        ] {
            assert!(stdout.contains(shown), "no '{shown}' in {stdout}");
        }
        assert_eq!(outcome.code(), 0, "{stderr}");
    });
}

#[test]
fn the_readme_is_one_screen_and_a_half() {
    let document = fs::read_to_string(workspace::root().join("README.md")).unwrap();
    assert!(document.lines().count() <= 100, "{} lines", document.lines().count());
}
