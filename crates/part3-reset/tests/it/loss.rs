//! The summary of many runs: packets, loss and its interval (Q17).

use labnet::net::Family;
use mock_servers::reset::{self, Schedule};

use crate::{
    PATIENT,
    played::{mock, mock_of_both_families},
    run,
    shown::{answer, counted},
};

/// The probability of `k` or more among `n`, each with probability `p`.
fn at_least(k: u64, n: u64, p: f64) -> f64 {
    let mut term = (1.0 - p).powf(n as f64);
    let mut sum = 0.0;
    for i in 0..=n {
        sum += if i >= k { term } else { 0.0 };
        term *= (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
    }
    sum
}

#[test]
fn q17_the_last_line_sums_up_the_lines_above_it() {
    const RUNS: u64 = 40;
    let schedule = Schedule::Always(Family::Ipv6);
    let pmu = mock(reset::Config { loss: 0.6, schedule, ..reset::Config::default() });
    let server = format!("localhost:{}", pmu.address().port());
    let outcome = run(&["--server", &server, "--runs=40", "--timeout=0.03", "--stats"]);
    let stdout = outcome.stdout();
    let lines: Vec<&str> = stdout.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    assert_eq!(lines.len() as u64, RUNS);
    let packets = lines.iter().map(|line| answer(line).packets).sum();
    let [ipv4, ipv6, rounds] = counted(&outcome);
    assert_eq!([ipv4, ipv6, rounds], [packets; 3]);

    let loss = 1.0 - RUNS as f64 / packets as f64;
    let interval = last
        .strip_prefix(&format!("mean {:.2} packets, loss {loss:.3} (95 %: ", packets as f64 / RUNS as f64))
        .and_then(|rest| rest.strip_suffix(&format!(") over {RUNS} runs")))
        .unwrap_or_else(|| panic!("{packets} packets: {last}"));
    let (low, high) = interval.split_once(" to ").unwrap();
    assert_eq!((low.len(), high.len()), ("0.000".len(), "0.000".len()), "{last}");
    // Clopper and Pearson: at each end, as much loss as was seen, or more (less), has a probability of 2.5 %.
    let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
    let more = |p| at_least(packets - RUNS, packets, p);
    let less = |p| 1.0 - at_least(packets - RUNS + 1, packets, p);
    const ROUNDED: f64 = 0.0006;
    assert!(more(low - ROUNDED) < 0.025 && 0.025 < more(low + ROUNDED), "{last}");
    assert!(less(high + ROUNDED) < 0.025 && 0.025 < less(high - ROUNDED), "{last}");
}

#[test]
fn q17_a_single_run_has_no_last_line_and_without_loss_it_says_so() {
    let pmu = mock_of_both_families();
    let server = pmu.address().to_string();
    assert_eq!(run(&["--server", &server, PATIENT, "--runs=1"]).stdout().lines().count(), 1);
    let outcome = run(&["--server", &server, PATIENT, "--runs=10"]);
    let last = "mean 1.00 packets, loss 0.000 (95 %: 0.000 to 0.308) over 10 runs";
    assert_eq!((outcome.stdout().lines().last(), outcome.stdout().lines().count()), (Some(last), 11));
}
