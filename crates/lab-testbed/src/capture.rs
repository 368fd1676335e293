//! Captures the packets of an interface into memory, in a separate thread.
//!
//! [`Capture::stop`] sends a marker frame. The capture ends with it: all packets before it are in the recording, and the
//! kernel's counter of missed packets is up to date. The recording does not contain the marker.

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

/// The size of the kernel's packet buffer, in bytes (ours). It holds a flood of 1 GiB, for which two cores run sender,
/// receiver and capture.
const BUFFER_LEN: usize = 1 << 30;

/// The maximum of captured bytes of a frame (ours). Linux' loopback has packets of 64 KiB plus a header.
pub const MAX_FRAME_LEN: u32 = 1 << 18;

/// The minimum of captured bytes of a frame (ours): room for its headers.
pub const MIN_SNAPLEN: u32 = 128;

/// The maximum of a recording, in bytes of frames (ours); later packets count as missed.
pub const MAX_LEN: u64 = 4 << 30;

/// The time limit for the end of a capture, and the interval between markers (ours).
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const MARKER_INTERVAL: Duration = Duration::from_millis(20);

/// The interval between checks for a stop without marker, and the maximum of failures because the interface is down (ours).
const POLL_INTERVAL: Duration = Duration::from_millis(100);
const MAX_DOWN: u32 = 5;

/// The marker: a broadcast with an EtherType for experiments (IEEE Std 802, local experimental EtherType 1).
const MARKER: &[u8] = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\0\x88\xb5the capture ends here";

/// The loopback interface: it shows each packet twice, outgoing and incoming.
const LOOPBACK: &str = "lo";

/// A request to stop.
#[derive(Debug, Default)]
struct StopRequest {
    /// Stop at the marker frame.
    at_marker: AtomicBool,
    /// Stop now: the marker cannot be sent.
    at_once: AtomicBool,
}

/// A running capture.
#[derive(Debug)]
pub struct Capture {
    stop_request: Arc<StopRequest>,
    marker_tap: Tap,
    recording: Receiver<Recording>,
}

impl Capture {
    /// Starts to capture an interface of the calling thread's network namespace.
    ///
    /// `snaplen` is the maximum of captured bytes of a packet. It is clamped to [`MIN_SNAPLEN`] up to
    /// [`MAX_FRAME_LEN`].
    ///
    /// # Errors
    /// [`Error::Sandbox`] without such an interface, or without the right to its packets; [`Error::Thread`].
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

    /// Stops the capture. The recording has all earlier packets; it is empty after a timeout of 20 seconds.
    pub fn stop(self) -> Recording {
        self.stop_request.at_marker.store(true, Ordering::Release);
        let until = Instant::now() + STOP_TIMEOUT;
        let mut down = 0;
        while Instant::now() < until && down < MAX_DOWN {
            // A marker can be lost, so it is sent again.
            if let Err(error) = self.marker_tap.send(MARKER) {
                down += u32::from(error.kind() == io::ErrorKind::NetworkDown);
            }
            if let Ok(recording) = self.recording.recv_timeout(MARKER_INTERVAL) {
                return recording;
            }
        }
        // A command may have switched the interface off.
        self.stop_request.at_once.store(true, Ordering::Release);
        self.recording.recv_timeout(STOP_TIMEOUT).unwrap_or_default()
    }
}

fn record(mut tap: Tap, interface: &str, snaplen: u32, stop_request: &StopRequest) -> Recording {
    let (mut frames, mut received, mut kept) = (Vec::new(), 0_u64, 0_u64);
    // Missed by the kernel, which counts both copies on the loopback interface; left out by us.
    let (mut missed, mut left_out) = (0, 0_u64);
    let mut buffer = vec![0; snaplen as usize];
    loop {
        let seen = match tap.receive(&mut buffer) {
            Ok(Some(seen)) => seen,
            Ok(None) if stop_request.at_once.load(Ordering::Acquire) => break,
            // The kernel reports once that an interface was switched off.
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
        frames.push(FrameBuf { at: Some(at), interface: 0, bytes: bytes.to_vec(), original_len, comments: Vec::new() });
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
