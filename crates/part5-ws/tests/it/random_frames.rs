//! Random frames from a server: the client ends with a close frame, and says in one line what was wrong, or nothing.

use std::{
    io::{ErrorKind, Read},
    net::Shutdown,
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use crate::played::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, Pmu, TEXT, frame, run};

const SERVERS: u64 = 60;

#[test]
fn random_frames_are_an_answer_or_one_error_and_always_end_with_a_close_frame() {
    for seed in 0..SERVERS {
        let frames = frames(&mut StdRng::seed_from_u64(seed));
        let serve = move |mut pmu: Pmu| {
            pmu.upgrade();
            pmu.send(&frames);
            expect_pongs_and_a_close_frame(&mut pmu, seed);
        };
        let outcome = run(serve, &["--max-message", "4000"]);
        let stderr = outcome.stderr();
        let errors = stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert!(!stderr.contains("panic"), "seed {seed}: {stderr}");
        match outcome.code() {
            // A warning says that there was no message at all.
            0 => assert!(stderr.lines().all(|line| line.starts_with("warning: ")), "seed {seed}: {stderr}"),
            1 => assert_eq!(errors, 1, "seed {seed}: {stderr}"),
            code => panic!("seed {seed}: status {code}: {stderr}"),
        }
    }
}

/// Frames that are right in most, and wrong in something, then a close frame, whole.
fn frames(random: &mut StdRng) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..random.random_range(1..12) {
        let opcodes = [CONTINUATION, TEXT, TEXT, BINARY, BINARY, PING, PONG, CLOSE, 3, 15];
        let mut first = opcodes[random.random_range(0..opcodes.len())] | FIN;
        if random.random_ratio(1, 4) {
            first &= !FIN;
        }
        if random.random_ratio(1, 10) {
            first |= random.random_range(0..8_u8) << 4;
        }
        let below = [2, 20, 130, 5000][random.random_range(0..4)];
        let mut payload = vec![b'x'; random.random_range(0..below)];
        if random.random_ratio(1, 3) {
            random.fill_bytes(&mut payload);
        }
        stream.extend(frame(first, &payload));
    }
    stream.extend(frame(CLOSE, b"\x03\xe8"));
    stream
}

/// All that the client sends until it has gone: pongs, and at their end a close frame.
fn expect_pongs_and_a_close_frame(pmu: &mut Pmu, seed: u64) {
    loop {
        let (first, payload) = pmu.receive();
        match first {
            PONG => {}
            CLOSE => {
                assert_ne!(payload.len(), 1, "seed {seed}");
                break;
            }
            other => panic!("seed {seed}: the client sent {other:#x}"),
        }
    }
    // After a close frame of ours it waits for us to close.
    let _ = pmu.0.shutdown(Shutdown::Write);
    match pmu.0.read(&mut [0; 16]) {
        Ok(len) => assert_eq!(len, 0, "seed {seed}: something behind the close frame"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "seed {seed}: the client has not gone"),
    }
}
