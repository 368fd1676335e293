//! Cuts a stream into messages: the rate, and the growth of the time with the input.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use labnet::pmu::Messages;

use lab_run::{Error, measure::Bench};

const ROUNDS: usize = 5;

/// How often the rate is measured (ours).
const PASSES: usize = 200;

pub(crate) fn measure(bench: &mut Bench) -> Result<(), Error> {
    let stream = stream(10_000_000);
    // A pass takes about a millisecond, and the fastest is what the program can do: other programs on the same cores
    // make it slower, never faster.
    let part = stream.get(..stream.len() / 100).unwrap_or_default();
    let Some(time) = (0..PASSES).map(|_| cut(part, 64 * 1024)).min() else { return Ok(()) };
    let rate = part.len() as f64 / time.as_secs_f64() / 1e6;
    let measured = format!("{rate:.0} MB/s");
    let what = format!("cutting messages, chunks of 64 KiB, one thread, the fastest of {PASSES} passes");
    bench.row(&what, measured, "at least 2000 MB/s", Some(rate >= 2000.0))?;

    for (name, chunk) in [("64 KiB", 64 * 1024), ("1 byte", 1)] {
        let tenth = stream.get(..stream.len() / 10).unwrap_or_default();
        let (mut tenths, mut wholes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            tenths.push(cut(tenth, chunk));
            wholes.push(cut(&stream, chunk));
        }
        if let (Some(tenth), Some(whole)) = (tenths.iter().min(), wholes.iter().min()) {
            let ratio = whole.as_secs_f64() / tenth.as_secs_f64();
            let what = format!("cutting ten times the input, chunks of {name}");
            bench.row(&what, format!("{ratio:.1} times the time"), "at most 11 times", Some(ratio <= 11.0))?;
        }
    }
    Ok(())
}

fn stream(messages: u64) -> Vec<u8> {
    (1..=messages).flat_map(|i| format!("This is PMU data {i}").into_bytes()).collect()
}

fn cut(stream: &[u8], chunk: usize) -> Duration {
    let begun = Instant::now();
    let mut messages = Messages::new();
    for chunk in stream.chunks(chunk) {
        for message in messages.feed(chunk) {
            let _ = black_box(&message);
        }
    }
    begun.elapsed()
}
