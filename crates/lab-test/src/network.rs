//! A network of its own for a test: nothing in it but what the test puts there, and no way out.

use std::{any, env, ffi::OsStr, process::Command};

use lab_process::Program;

use crate::{PATIENCE, skip::skip_by_name};

/// Set in the copy of the test program that runs inside.
const INSIDE: &str = "LAB_OWN_NETWORK";

/// Lines of shell for [`in_own_network`]: a loopback interface with the link-local address `fe80::5`, too. The kernel adds
/// its two routes a little later, on a busy machine: that of the link, and that of the address, which is local.
pub const LINK_LOCAL_LOOPBACK: &str = "ip link set lo up; ip address add fe80::5/64 dev lo nodad
for try in $(seq 200); do ip -6 route get fe80::5 oif lo 2>/dev/null | grep -q '^local' &&
ip -6 route show dev lo | grep -q '^fe80::/64' && break; sleep 0.05; done";

/// Runs `scene`, a closure of a test, in a private network that lines of shell prepare: the test program starts itself
/// again in there, with that one test. Where the system does not allow that, the test is skipped by name.
///
/// # Panics
/// When the test failed in there, with what it showed.
#[track_caller]
pub fn in_own_network<F: FnOnce()>(prepare: &str, scene: F) {
    if env::var_os(INSIDE).is_some() {
        return scene();
    }
    // The type of the closure is `CRATE::PATH::OF::TEST::{{closure}}`.
    let path = any::type_name::<F>().trim_end_matches("::{{closure}}");
    let test = path.split_once("::").map_or(path, |(_, test)| test);
    if let Err(obstacle) = enter(prepare, "true".as_ref(), &[]) {
        return skip_by_name(test, &format!("no network of its own: {obstacle}"));
    }
    let program = env::current_exe().unwrap();
    match enter(prepare, program.as_os_str(), &["--exact", test, "--nocapture"]) {
        Ok(shown) if shown.contains("test result: ok. 1 passed") => {}
        Ok(shown) | Err(shown) => panic!("{shown}"),
    }
}

/// Runs a program as the root of a new network: what it showed, also when it failed.
fn enter(prepare: &str, program: &OsStr, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "--", "sh", "-ec"]);
    command.arg(format!("{prepare}\nexec \"$@\"")).arg("sh").arg(program).args(arguments).env(INSIDE, "1");
    let outcome = Program::spawn(command).and_then(|program| program.finish(3 * PATIENCE));
    let outcome = outcome.map_err(|failure| failure.to_string())?;
    let shown = outcome.stdout() + &outcome.stderr();
    if outcome.code() == 0 { Ok(shown) } else { Err(shown) }
}
