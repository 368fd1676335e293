//! Captures what passes an interface, in a thread of its own, into memory.
//!
//! A capture ends with a frame of its own, which is not kept: what had passed before it is in the recording, and the
//! kernel tells with it how many packets were missed until then.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use lab_sandbox::{Seen, Tap};

use crate::{
    Error,
    file::{FrameBuf, Interface, LinkType, Recording},
};

/// How many bytes of packets the kernel may hold for us: a flood of 1 GiB, while this machine has two cores for it, its
/// sender, its receiver and us (ours).
const BUFFER_LEN: usize = 1 << 30;

/// The longest frame: Linux' loopback has packets of 64 KiB and a header (ours; longer ones are cut).
pub const MAX_FRAME_LEN: u32 = 1 << 18;

/// So much is always kept of a frame: its headers.
pub const MIN_SNAPLEN: u32 = 128;

/// How much is kept by default, in bytes (ours); later packets count as missed.
pub const MAX_LEN: u64 = 4 << 30;

/// How long the end is waited for, and how soon it is asked for again (ours).
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(20);

/// A broadcast of a type that is for experiments (IEEE Std 802, local experimental EtherType 1).
const END: &[u8] = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\0\x88\xb5the capture ends here";

/// The interface that shows each packet twice.
const LOOPBACK: &str = "lo";

/// A capture that goes on.
#[derive(Debug)]
pub struct Capture {
    ends: Arc<AtomicBool>,
    marker: Tap,
    recording: Receiver<Recording>,
}

impl Capture {
    /// Begins to capture on an interface of the network that this thread is in; of each packet at most `snaplen` bytes are kept,
    /// from [`MIN_SNAPLEN`] to [`MAX_FRAME_LEN`].
    ///
    /// # Errors
    /// [`Error::Sandbox`]: no such interface, or no right to its packets.
    pub fn start(interface: &str, snaplen: u32) -> Result<Self, Error> {
        let tap = Tap::open(interface, BUFFER_LEN)?;
        let marker = Tap::open(interface, 1 << 16)?;
        let ends = Arc::new(AtomicBool::new(false));
        let (name, has_to_end) = (interface.to_owned(), Arc::clone(&ends));
        let (done, recording) = mpsc::channel();
        let work = move || drop(done.send(record(tap, &name, snaplen.clamp(MIN_SNAPLEN, MAX_FRAME_LEN), &has_to_end)));
        let started = thread::Builder::new().name("capture".to_owned()).spawn(work);
        started.map_err(|source| Error::Thread { source })?;
        Ok(Self { ends, marker, recording })
    }

    /// Ends it; what passed before is in the recording.
    pub fn stop(self) -> Recording {
        self.ends.store(true, Ordering::Release);
        let until = Instant::now() + PATIENCE;
        loop {
            // It may be lost where packets are missed: again, then.
            let _ = self.marker.send(END);
            match self.recording.recv_timeout(AGAIN) {
                Ok(recording) => return recording,
                Err(_) if Instant::now() < until => {}
                Err(_) => return Recording::default(),
            }
        }
    }
}

fn record(mut tap: Tap, interface: &str, snaplen: u32, has_to_end: &AtomicBool) -> Recording {
    let (mut frames, mut received, mut missed, mut kept) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    let mut buffer = vec![0; snaplen as usize];
    loop {
        let Ok(Some(seen)) = tap.receive(&mut buffer) else {
            tap.wait(PATIENCE);
            continue;
        };
        let Seen { len, original_len, at, is_outgoing, dropped } = seen;
        let bytes = buffer.get(..len).unwrap_or_default();
        if bytes.starts_with(END) {
            missed = missed.max(u64::from(dropped));
            if has_to_end.load(Ordering::Acquire) {
                break;
            }
            continue;
        }
        if is_outgoing && interface == LOOPBACK {
            continue;
        }
        received += 1;
        if kept >= MAX_LEN {
            missed += 1;
            continue;
        }
        kept += bytes.len() as u64;
        let original_len = u32::try_from(original_len).unwrap_or(u32::MAX);
        frames.push(FrameBuf { at, interface: 0, bytes: bytes.to_vec(), original_len, comments: Vec::new() });
    }
    let interface = Interface { snaplen, ..Interface::new(interface, LinkType::ETHERNET) };
    Recording {
        interfaces: vec![interface],
        frames,
        received: Some(received + missed),
        dropped: Some(missed),
        ..Recording::default()
    }
}
