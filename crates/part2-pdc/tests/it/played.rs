//! A PMU that is played by the test, in plain order: what it sends, what appears.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use lab_process::{Program, Stream};
use lab_test::{PATIENCE, accept, listen, start};

use crate::PDC;

/// A PDC that has sent its command, which its PMU has not yet read: if it closes now, that is a reset.
pub(crate) fn called(arguments: &str) -> (Program, TcpStream) {
    let (listener, address) = listen();
    let server = ["--server".to_owned(), address.to_string()];
    let arguments: Vec<&str> = server.iter().map(String::as_str).chain(arguments.split_whitespace()).collect();
    let pdc = start(PDC, &arguments);
    let pmu = accept(&listener);
    assert_eq!(pmu.peek(&mut [0]).unwrap(), 1);
    (pdc, pmu)
}

/// A PDC whose command has been read.
pub(crate) fn asked(arguments: &str) -> (Program, TcpStream) {
    let (pdc, mut pmu) = called(arguments);
    hear(&mut pmu, arguments.split_whitespace().next_back().unwrap());
    (pdc, pmu)
}

/// Reads the command, after which nothing comes: no delimiter, no end.
pub(crate) fn hear(pmu: &mut TcpStream, command: &str) {
    let mut heard = vec![0; command.len()];
    pmu.read_exact(&mut heard).unwrap();
    assert_eq!(heard.escape_ascii().to_string(), command);
    pmu.set_nonblocking(true).unwrap();
    assert!(pmu.peek(&mut [0]).is_err(), "{command} is not all");
    pmu.set_nonblocking(false).unwrap();
}

pub(crate) fn say(pmu: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    pmu.write_all(bytes.as_ref()).unwrap();
}

/// Waits until a line appears on stdout, which is to be the next there.
pub(crate) fn await_line(pdc: &mut Program, expected: &str) {
    let next = pdc.line_with(&format!("show '{expected}'"), PATIENCE, |line| line.stream == Stream::Stdout);
    assert_eq!(next.unwrap_or_else(|failure| panic!("{failure}")).text, expected);
}
