//! How often a program calls recv on a connection, in any language: by strace, where that is installed.
//!
//! ```text
//! 71 connect(3, {sa_family=AF_INET, sin_port=htons(5003), …}, 16) = 0
//! 71 recvfrom(3, "This is PMU data 1", 4096, 0, NULL, NULL) = 18
//! 72 read(3,  <unfinished ...>
//! 72 <... read resumed>"", 8192) = 0
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

/// The system calls that receive.
const RECEIVES: [&str; 5] = ["recvfrom", "recvmsg", "read", "readv", "recvmmsg"];

/// Whether strace is installed.
pub fn is_possible() -> bool {
    let mut strace = Command::new("strace");
    strace.arg("-V").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// The same command under strace, which writes its trace into a file.
pub(crate) fn traced(command: &Command, trace: &Path) -> Command {
    let calls = format!("trace=connect,close,{}", RECEIVES.join(","));
    let mut strace = Command::new("strace");
    // All threads and children; nothing about signals and exits.
    strace.args(["-f", "-qq", "-e", "signal=none", "-e", &calls, "-s", "0", "-o"]).arg(trace).arg("--");
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// How many calls received from a server's port, the one that found the end included; `None` if there was no connection.
pub(crate) fn count(trace: &str, port: u16) -> Option<u64> {
    let mut calls = None;
    let mut connected: BTreeSet<i64> = BTreeSet::new();
    let mut unfinished: BTreeMap<&str, (&str, i64)> = BTreeMap::new();
    let to_port = [format!("sin_port=htons({port})"), format!("sin6_port=htons({port})")];
    for line in trace.lines() {
        let Some((process, call)) = line.split_once(char::is_whitespace) else { continue };
        let call = call.trim_start();
        let (name, descriptor) = match call.strip_prefix("<... ") {
            Some(_) => match unfinished.remove(process) {
                Some(begun) => begun,
                None => continue,
            },
            None => {
                let Some((name, arguments)) = call.split_once('(') else { continue };
                let descriptor = arguments.split([',', ')', ' ']).next().and_then(|number| number.parse().ok());
                let Some(descriptor) = descriptor else { continue };
                if name == "connect" && to_port.iter().any(|port| arguments.contains(port)) {
                    connected.insert(descriptor);
                }
                if call.ends_with("<unfinished ...>") {
                    unfinished.insert(process, (name, descriptor));
                    continue;
                }
                (name, descriptor)
            }
        };
        if !connected.contains(&descriptor) {
            continue;
        }
        if name == "close" {
            connected.remove(&descriptor);
        } else if RECEIVES.contains(&name) && result(call).is_some_and(|result| result >= 0) {
            *calls.get_or_insert(0) += 1;
        }
    }
    calls
}

/// The result of a call: the number behind its last ` = `.
fn result(call: &str) -> Option<i64> {
    call.rsplit_once(" = ")?.1.split(' ').next()?.parse().ok()
}

/// A place for a trace.
pub(crate) fn trace_file() -> std::io::Result<tempfile::TempPath> {
    tempfile::Builder::new().prefix(&OsString::from("recv-")).tempfile().map(tempfile::NamedTempFile::into_temp_path)
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn only_calls_on_the_connection_that_returned_are_counted() {
        let trace = "\
            71 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"10.9.0.1\")}, 16) = 0\n\
            71 read(3, \"\"..., 4096) = 12\n\
            71 close(3) = 0\n\
            71 connect(3, {sa_family=AF_INET, sin_port=htons(5003), sin_addr=inet_addr(\"10.9.0.43\")}, 16) = 0\n\
            71 recvfrom(3, \"\"..., 4096, 0, NULL, NULL) = 18\n\
            71 recvfrom(3, 0x7ffd, 4096, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)\n\
            72 read(3,  <unfinished ...>\n\
            71 read(5, \"\"..., 10) = 10\n\
            72 <... read resumed>\"\"..., 8192) = 163\n\
            71 recvfrom(3, \"\", 4096, 0, NULL, NULL) = 0\n\
            71 close(3) = 0\n\
            71 read(3, \"\"..., 10) = 10\n";
        assert_eq!(count(trace, 5003), Some(3));
        assert_eq!(count(trace, 53), Some(1));
        assert_eq!(count(trace, 5006), None);
    }
}
