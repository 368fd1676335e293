//! Ordinary users, and systems that forbid private networks.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
};

use lab_process::executable;

use crate::{
    lab::{Lab, scene, sibling},
    shown::ten_messages,
};

/// The user and group that own nothing.
const NOBODY: u32 = 65_534;

/// A copy of programs where everyone may run them, and a folder for nobody.
fn for_nobody(lab: &Lab, programs: &[&str]) {
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let bin = lab.folder().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in programs {
        executable::install(&sibling(name), &bin.join(name)).unwrap();
    }
    [lab.folder(), &bin].iter().for_each(|folder| open(folder));
    for name in ["work", "tmp"] {
        let folder = lab.folder().join(name);
        fs::create_dir_all(&folder).unwrap();
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

#[test]
fn an_ordinary_user_needs_no_rights() {
    scene(&["setpriv", "mock-servers", "part2-pdc"], |lab| {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            // All other tests are this one.
            return;
        }
        for_nobody(lab, &["lab-capture", "mock-servers", "part2-pdc"]);
        let script = "
            id -u
            ../bin/lab-capture run --mock-servers -- part2-pdc CMD_short:0 &&
            ../bin/lab-capture run --mock-servers --path delay=1ms -- part2-pdc CMD_short:0 &&
            ../bin/lab-capture run -- sh -c 'setsid sleep 300 &' && exec ../bin/lab-capture count --json capture.pcapng";
        let nobody = NOBODY.to_string();
        let arguments = ["--reuid", &nobody, "--regid", &nobody, "--clear-groups", "sh", "-c", script];
        let outcome = lab.tool_in(&lab.folder().join("work"), "setpriv", &arguments).unwrap();
        if outcome.stderr().contains("gives no private network") {
            return lab.skip(&format!("no private networks for ordinary users: {}", outcome.stderr()));
        }
        let (stdout, messages) = (outcome.stdout(), ten_messages());
        assert_eq!(outcome.code(), 0, "{}", outcome.stderr());
        assert!(stdout.starts_with(&format!("{nobody}\n{messages}{messages}{{\"frames\":0,")), "{stdout}");
        let file = fs::metadata(lab.folder().join("work/capture.pcapng")).unwrap();
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (NOBODY, NOBODY, 0o600));
        lab.await_silence();
    });
}

#[test]
fn where_namespaces_are_forbidden_it_says_what_was_refused_and_what_still_works() {
    scene(&["unshare", "setpriv"], |lab| {
        // Root of a user namespace that may have no others, once with and once without its rights.
        let limits =
            "for limit in user net; do echo 0 > /proc/sys/user/max_${limit}_namespaces || exit 99; done; exec \"$@\"";
        let program = sibling("lab-capture");
        let command = [program.to_str().unwrap(), "run", "--", "true"];
        let without_rights = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
        let begin = ["--user", "--map-root-user", "sh", "-c", limits, "sh"];
        for line in [[&begin[..], &command].concat(), [&begin[..], &without_rights, &command].concat()] {
            let outcome = lab.tool("unshare", &line).unwrap();
            let stderr = outcome.stderr();
            if outcome.code() == 99 {
                return lab.skip(&format!("namespaces cannot be limited: {stderr}"));
            }
            assert_eq!((outcome.code(), outcome.stdout().as_str()), (1, ""), "{stderr}");
            let [error, hint] = stderr.lines().collect::<Vec<_>>()[..] else { panic!("{stderr}") };
            assert!(
                error.starts_with("error: this system gives no private network to root: cannot make a "),
                "{error}"
            );
            assert!(error.ends_with(": there may be no more of them (/proc/sys/user has the limits)"), "{error}");
            assert!(hint.starts_with("hint: ") && hint.contains("`--stats` of the parts still counts"), "{hint}");
            assert!(!lab.folder().join("capture.pcapng").exists());
        }
    });
}
