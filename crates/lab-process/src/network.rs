//! A network of its own for a test: nothing in it but what the test puts there, and no way out.

use std::{
    any, env,
    ffi::OsStr,
    io::{self, Write},
    process::Command,
    time::Duration,
};

use crate::Program;

/// Set in the copy of the test program that runs inside.
const INSIDE: &str = "LAB_OWN_NETWORK";

/// The longest that a test may take in there, the start of the network included.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs `scene`, a closure of a test, in a private network that lines of shell prepare: the test program starts itself
/// again in there, with that one test. Where the system does not allow that, the test is skipped by name.
///
/// # Errors
/// What the test showed in there when it failed.
pub fn in_own_network<F: FnOnce()>(prepare: &str, scene: F) -> Result<(), String> {
    if env::var_os(INSIDE).is_some() {
        scene();
        return Ok(());
    }
    // The type of the closure is `CRATE::PATH::OF::TEST::{{closure}}`.
    let path = any::type_name::<F>().trim_end_matches("::{{closure}}");
    let test = path.split_once("::").map_or(path, |(_, test)| test);
    if let Err(obstacle) = enter(prepare, "true".as_ref(), &[]) {
        // Past the harness, which shows nothing of a test that passes.
        let skipped = format!("skipped: {test}: no network of its own: {}\n", obstacle.trim().replace('\n', " "));
        return io::stderr().write_all(skipped.as_bytes()).map_err(|error| error.to_string());
    }
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let shown = enter(prepare, program.as_os_str(), &["--exact", test, "--nocapture"])?;
    if shown.contains("test result: ok. 1 passed") { Ok(()) } else { Err(shown) }
}

/// Runs a program as the root of a new network: what it showed, also when it failed.
fn enter(prepare: &str, program: &OsStr, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "--", "sh", "-ec"]);
    command.arg(format!("{prepare}\nexec \"$@\"")).arg("sh").arg(program).args(arguments).env(INSIDE, "1");
    let outcome = Program::spawn(command).and_then(|program| program.finish(DEADLINE));
    let outcome = outcome.map_err(|failure| failure.to_string())?;
    let shown = outcome.stdout() + &outcome.stderr();
    if outcome.code() == 0 { Ok(shown) } else { Err(shown) }
}
