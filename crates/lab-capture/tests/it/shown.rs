//! What a run shows.

use serde_json::Value;

/// The lines of `CMD_short:0`.
pub(crate) fn ten_messages() -> String {
    (1..=10).map(|number| format!("This is PMU data {number}\n")).collect()
}

/// The TCP connections; the mock servers' multicast programme may have been on, too.
pub(crate) fn connections(counts: &Value) -> Vec<&Value> {
    counts["flows"].as_array().unwrap().iter().filter(|flow| flow["protocol"] == "TCP").collect()
}

/// The lines of stderr that begin so.
pub(crate) fn lines<'a>(stderr: &'a str, start: &str) -> Vec<&'a str> {
    stderr.lines().filter(|line| line.starts_with(start)).collect()
}
