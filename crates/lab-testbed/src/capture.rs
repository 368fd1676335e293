//! Captures what passes an interface, in a thread of its own, into memory.
//!
//! A capture ends with a frame of its own, which is not kept: what had passed before it is in the recording, and the
//! kernel tells with it how many packets were missed until then.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use lab_sandbox::{PacketMetadata, Tap};

use lab_packets::file::{CaptureInterface, FrameBuf, LinkType, Recording};

use crate::Error;

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
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const MARKER_INTERVAL: Duration = Duration::from_millis(20);

/// How often a capture looks whether it is to end without that frame, and how often the interface may be down (ours).
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const MAX_DOWN: u32 = 5;

/// A broadcast of a type that is for experiments (IEEE Std 802, local experimental EtherType 1).
const MARKER: &[u8] = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\0\x88\xb5the capture ends here";

/// The interface that shows each packet twice.
const LOOPBACK: &str = "lo";

/// Whether a capture is to end.
#[derive(Debug, Default)]
struct StopRequest {
    /// With the frame that comes.
    at_marker: AtomicBool,
    /// With what has come: the frame cannot be sent.
    at_once: AtomicBool,
}

/// A capture that goes on.
#[derive(Debug)]
pub struct Capture {
    stop_request: Arc<StopRequest>,
    marker_tap: Tap,
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
        let marker_tap = Tap::open(interface, 1 << 16)?;
        let stop_request = Arc::new(StopRequest::default());
        let (name, shared_request) = (interface.to_owned(), Arc::clone(&stop_request));
        let (done, recording) = mpsc::channel();
        let work =
            move || drop(done.send(record(tap, &name, snaplen.clamp(MIN_SNAPLEN, MAX_FRAME_LEN), &shared_request)));
        let started = thread::Builder::new().name("capture".to_owned()).spawn(work);
        started.map_err(|source| Error::Thread { source })?;
        Ok(Self { stop_request, marker_tap, recording })
    }

    /// Ends it; what passed before is in the recording.
    pub fn stop(self) -> Recording {
        self.stop_request.at_marker.store(true, Ordering::Release);
        let until = Instant::now() + STOP_TIMEOUT;
        let mut down = 0;
        while Instant::now() < until && down < MAX_DOWN {
            // It may be lost where packets are missed: again, then.
            if let Err(error) = self.marker_tap.send(MARKER) {
                down += u32::from(error.kind() == io::ErrorKind::NetworkDown);
            }
            if let Ok(recording) = self.recording.recv_timeout(MARKER_INTERVAL) {
                return recording;
            }
        }
        // The command has switched the interface off, perhaps.
        self.stop_request.at_once.store(true, Ordering::Release);
        self.recording.recv_timeout(STOP_TIMEOUT).unwrap_or_default()
    }
}

fn record(mut tap: Tap, interface: &str, snaplen: u32, stop_request: &StopRequest) -> Recording {
    let (mut frames, mut received, mut kept) = (Vec::new(), 0_u64, 0_u64);
    // By the kernel, which counts both copies on the loopback interface, and by us.
    let (mut missed, mut left_out) = (0, 0_u64);
    let mut buffer = vec![0; snaplen as usize];
    loop {
        let seen = match tap.receive(&mut buffer) {
            Ok(Some(seen)) => seen,
            Ok(None) if stop_request.at_once.load(Ordering::Acquire) => break,
            // An interface that was switched off is such an error, once.
            Ok(None) | Err(_) => {
                tap.wait(POLL_INTERVAL);
                continue;
            }
        };
        let PacketMetadata { len, original_len, at, is_outgoing, dropped } = seen;
        let bytes = buffer.get(..len).unwrap_or_default();
        missed = u64::from(dropped).max(missed);
        if bytes.starts_with(MARKER) {
            if stop_request.at_marker.load(Ordering::Acquire) {
                break;
            }
            continue;
        }
        if is_outgoing && interface == LOOPBACK {
            continue;
        }
        received += 1;
        if kept >= MAX_LEN {
            left_out += 1;
            continue;
        }
        kept += bytes.len() as u64;
        let original_len = u32::try_from(original_len).unwrap_or(u32::MAX);
        frames.push(FrameBuf { at, interface: 0, bytes: bytes.to_vec(), original_len, comments: Vec::new() });
    }
    let interface = CaptureInterface { snaplen, ..CaptureInterface::new(interface, LinkType::ETHERNET) };
    Recording {
        interfaces: vec![interface],
        frames,
        received: Some(received + missed),
        dropped: Some(missed + left_out),
        ..Recording::default()
    }
}
