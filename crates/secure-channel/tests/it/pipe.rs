//! A pipe in memory, and who is in the middle of it. It knows when both sides wait and nothing is on the way: then it is as
//! late as the one with less patience thinks, at once. So a length that was altered keeps nobody waiting.

use std::{
    collections::VecDeque,
    fmt::Debug,
    io::{self, Read, Write},
    mem,
    ops::Range,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use lab_test::PATIENCE;
use secure_channel::{
    channel::Stream,
    frame::{HEADER_LEN, Header},
};

use crate::{
    pipe::Side::{Client, Server},
    sessions::SOMETHING_FAILED,
};

/// How much a reader may leave unread before the writer must wait.
pub(crate) const PIPE_LEN: usize = 1 << 20;

/// A side, by what it sends and by what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        if self == Client { Server } else { Client }
    }
}

// The pipe, and who is in the middle of it.

/// What is done to the bytes that one side sends.
#[derive(Clone, Debug)]
pub(crate) enum Tampering {
    /// The byte at this place of the stream is xored.
    Flip(usize, u8),
    /// The bytes from this place on are others.
    Overwrite(usize, &'static [u8]),
    /// The stream ends before the byte at this place.
    Cut(usize),
    /// Something is done to the frame with this number, from 0.
    Frame(usize, Trick),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trick {
    Duplicate,
    Drop,
    /// It comes after the one that should follow it.
    Swap,
    /// Its sender gets it, the receiver does not.
    Reflect,
    /// Both get it.
    ReflectToo,
    /// An alert comes before it.
    Alert,
}

pub(crate) struct Wire {
    pub(crate) state: Mutex<State>,
    pub(crate) changed: Condvar,
}

/// What there is of each side, the client first.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) tampering: Option<(Side, Tampering)>,
    /// Delivered to it and not read.
    pub(crate) inbox: [VecDeque<u8>; 2],
    /// Nothing more will be delivered to it.
    pub(crate) is_ended: [bool; 2],
    /// It sends nothing more.
    pub(crate) has_ended: [bool; 2],
    pub(crate) is_gone: [bool; 2],
    pub(crate) waits_for: [Option<Wait>; 2],
    pub(crate) patience: [Duration; 2],
    pub(crate) is_late: [bool; 2],
    /// How much it gets at once.
    pub(crate) max_read: usize,
    /// What it sent, before anything was done to it; of long messages the beginning.
    pub(crate) sent: [Vec<u8>; 2],
    pub(crate) count: [usize; 2],
    pub(crate) frames: usize,
    pub(crate) held: Vec<u8>,
}

#[derive(Clone, Copy)]
pub(crate) enum Wait {
    ToRead,
    ToWrite,
}

impl State {
    pub(crate) fn is_ready(&self, side: Side, wait: Wait) -> bool {
        let (own, other) = (side as usize, side.other() as usize);
        match wait {
            Wait::ToRead => !self.inbox[own].is_empty() || self.is_ended[own],
            Wait::ToWrite => self.inbox[other].len() < PIPE_LEN || self.is_gone[other],
        }
    }

    /// If both sides wait for each other, the one with less patience is late, or both.
    pub(crate) fn look_at_clock(&mut self) {
        let is_stuck = |side: Side| self.waits_for[side as usize].is_some_and(|wait| !self.is_ready(side, wait));
        if is_stuck(Client) && is_stuck(Server) {
            let first = self.patience[0].min(self.patience[1]);
            self.is_late = self.patience.map(|patience| patience == first);
        }
    }

    /// What a side sends passes the middle.
    pub(crate) fn pass(&mut self, from: Side, bytes: &[u8]) {
        let (own, to) = (from as usize, from.other() as usize);
        let start = self.count[own];
        self.count[own] += bytes.len();
        if start < PIPE_LEN {
            self.sent[own].extend_from_slice(bytes);
        }
        match self.tampering.clone() {
            Some((side, Tampering::Flip(at, mask))) if side == from => {
                let mut bytes = bytes.to_vec();
                if let Some(byte) = at.checked_sub(start).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= mask;
                }
                self.inbox[to].extend(bytes);
            }
            Some((side, Tampering::Overwrite(at, with))) if side == from => {
                let mut bytes = bytes.to_vec();
                if let Some(at) = at.checked_sub(start).filter(|at| *at < bytes.len()) {
                    bytes[at..at + with.len()].copy_from_slice(with);
                }
                self.inbox[to].extend(bytes);
            }
            Some((side, Tampering::Cut(at))) if side == from => {
                self.inbox[to].extend(&bytes[..at.saturating_sub(start).min(bytes.len())]);
                self.is_ended[to] |= self.count[own] >= at;
            }
            Some((side, Tampering::Frame(index, trick))) if side == from => {
                for frame in frames(bytes) {
                    self.pass_frame(from, &bytes[frame], index, trick);
                }
            }
            _ => self.inbox[to].extend(bytes),
        }
    }

    pub(crate) fn pass_frame(&mut self, from: Side, frame: &[u8], index: usize, trick: Trick) {
        let (own, to) = (from as usize, from.other() as usize);
        self.frames += 1;
        if self.frames != index + 1 {
            self.inbox[to].extend(frame);
            self.inbox[to].extend(mem::take(&mut self.held));
            return;
        }
        match trick {
            Trick::Duplicate => self.inbox[to].extend(frame.iter().chain(frame)),
            Trick::Drop => {}
            Trick::Swap => self.held = frame.to_vec(),
            Trick::Reflect => self.inbox[own].extend(frame),
            Trick::ReflectToo => {
                self.inbox[to].extend(frame);
                self.inbox[own].extend(frame);
            }
            Trick::Alert => self.inbox[to].extend(SOMETHING_FAILED.iter().chain(frame)),
        }
    }
}

/// Where the frames are in what a side sent.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut ranges, mut start) = (Vec::new(), 0);
    while let Some(header) = bytes[start..].first_chunk() {
        let end = start + HEADER_LEN + Header::decode(*header).unwrap().len;
        ranges.push(start..end);
        start = end;
    }
    assert_eq!(start, bytes.len(), "a side sends whole frames");
    ranges
}

/// What a side has of the pipe.
pub(crate) struct End {
    pub(crate) wire: Arc<Wire>,
    pub(crate) side: Side,
}

pub(crate) fn pipe(tampering: Option<(Side, Tampering)>, max_read: usize) -> (End, End) {
    let mut state = State { tampering, max_read, patience: [Duration::from_secs(5); 2], ..State::default() };
    if let Some((from, Tampering::Cut(0))) = state.tampering {
        state.is_ended[from.other() as usize] = true;
    }
    let wire = Arc::new(Wire { state: Mutex::new(state), changed: Condvar::new() });
    (End { wire: Arc::clone(&wire), side: Client }, End { wire, side: Server })
}

impl End {
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.wire.state.lock().unwrap());
        self.wire.changed.notify_all();
        changed
    }

    /// Waits until it can be done, and does it.
    pub(crate) fn when<T>(&self, wait: Wait, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.wire.state.lock().unwrap();
        let own = self.side as usize;
        while !state.is_ready(self.side, wait) {
            state.waits_for[own] = Some(wait);
            state.look_at_clock();
            if mem::take(&mut state.is_late[own]) {
                state.waits_for[own] = None;
                self.wire.changed.notify_all();
                return Err(io::ErrorKind::TimedOut.into());
            }
            if state.is_late[self.side.other() as usize] {
                self.wire.changed.notify_all();
            }
            let (changed, timeout) = self.wire.changed.wait_timeout(state, PATIENCE).unwrap();
            assert!(!timeout.timed_out(), "the {:?} hangs", self.side);
            state = changed;
        }
        (state.waits_for[own], state.is_late[own]) = (None, false);
        let acted = act(&mut state);
        self.wire.changed.notify_all();
        acted
    }
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when(Wait::ToRead, |state| {
            let len = buffer.len().min(state.max_read);
            state.inbox[self.side as usize].read(&mut buffer[..len])
        })
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when(Wait::ToWrite, |state| {
            if state.has_ended[self.side as usize] || state.is_gone[self.side.other() as usize] {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            state.pass(self.side, bytes);
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for End {
    fn end(&mut self) -> io::Result<()> {
        self.with(|state| {
            state.has_ended[self.side as usize] = true;
            state.is_ended[self.side.other() as usize] = true;
        });
        Ok(())
    }

    fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.with(|state| state.patience[self.side as usize] = patience);
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.with(|state| {
            state.is_gone[self.side as usize] = true;
            state.is_ended[self.side.other() as usize] = true;
        });
    }
}
