//! The clock reset over UDP: request, acknowledgement, and what the losses of many runs say.
//!
//! ```text
//! PDC -> PMU   RESET:n      advance the clock by up to n seconds
//! PMU -> PDC   OFFSET=X     did so by X, 0 <= X <= n      (a real server wrote OFFSET:X)
//! ```
//!
//! Handout, section 3. Both directions may be lost; the PDC repeats its request until it is acknowledged.

use std::fmt;

use statrs::distribution::{Beta, ContinuousCDF};

use crate::count::Count;

/// The request `RESET:n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The greatest offset that the PMU may choose, in seconds; 20 in the handout.
    pub n: u64,
}

/// The acknowledged offset X, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset(pub u64);

impl Request {
    /// What a PMU makes of a datagram: `RESET:n` with plain decimal digits, to the letter.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        Some(Self { n: decimal(datagram.strip_prefix(b"RESET:")?)? })
    }

    /// What a PDC makes of a datagram: the offset, if it acknowledges this request.
    ///
    /// Accepts `OFFSET=X` and `OFFSET:X` with X plain decimal digits, 0 to n, and white space after it.
    pub fn acknowledged_by(&self, datagram: &[u8]) -> Option<Offset> {
        let rest = datagram.trim_ascii_end().strip_prefix(b"OFFSET")?;
        let digits = rest.strip_prefix(b"=").or_else(|| rest.strip_prefix(b":"))?;
        decimal(digits).filter(|&x| x <= self.n).map(Offset)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RESET:{}", self.n)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OFFSET={}", self.0)
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if plain { str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

/// Counts packets and acknowledgements over several runs (Q17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    runs: u64,
    packets: u64,
}

impl Tally {
    /// One run that was acknowledged after `packets` packets of the family that answered, at least one.
    pub fn add(&mut self, packets: u64) {
        self.runs = self.runs.saturating_add(1);
        self.packets = self.packets.saturating_add(packets.max(1));
    }

    /// How many runs were acknowledged.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Packets per acknowledgement; NaN before the first run.
    pub fn mean(&self) -> f64 {
        self.packets as f64 / self.runs as f64
    }

    /// The observed loss: the share of packets that brought no acknowledgement, 0 to 1.
    pub fn loss(&self) -> f64 {
        1.0 - self.runs as f64 / self.packets as f64
    }

    /// The 95 % confidence interval of the loss after Clopper and Pearson (Biometrika 26, 1934).
    pub fn interval(&self) -> (f64, f64) {
        let lost = (self.packets - self.runs) as f64;
        let acknowledged = self.runs as f64;
        let quantile = |p, a, b| Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p));
        let low = if lost == 0.0 { 0.0 } else { quantile(0.025, lost, acknowledged + 1.0) };
        let high = if acknowledged == 0.0 { 1.0 } else { quantile(0.975, lost + 1.0, acknowledged) };
        (low, high)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.interval();
        write!(
            f,
            "mean {:.2} packets, loss {:.3} (95 %: {low:.3} to {high:.3}) over {}",
            self.mean(),
            self.loss(),
            Count::new(self.runs, "run"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(datagram: &[u8], expected: Option<u64>) {
        let offset = Request { n: 20 }.acknowledged_by(datagram).map(|offset| offset.0);
        assert_eq!(offset, expected, "{}", datagram.escape_ascii());
    }

    #[test]
    fn an_acknowledgement_is_an_offset_of_plain_digits_from_0_to_n() {
        check(b"OFFSET=0", Some(0));
        check(b"OFFSET=20", Some(20));
        check(b"OFFSET:7", Some(7));
        check(b"OFFSET=007", Some(7));
        check(b"OFFSET=7\n", Some(7));
        for wrong in [
            b"OFFSET=21".as_slice(),
            b"OFFSET=-1",
            b"OFFSET=+1",
            b"OFFSET=1.5",
            b"OFFSET=",
            b"OFFSET= 7",
            b"OFFSET 7",
            b"offset=7",
            b"OFFSET=7x",
            b" OFFSET=7",
            b"",
            b"Wrong command.",
            b"OFFSET=\xd9\xa3",
            b"OFFSET=7\0",
            b"OFFSET=18446744073709551616",
            b"RESET:20",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_request_survives_the_wire_and_nothing_else_is_one() {
        assert_eq!(Request::parse(Request { n: 20 }.to_string().as_bytes()), Some(Request { n: 20 }));
        for wrong in [b"RESET:".as_slice(), b"RESET:-1", b"RESET:1.0", b"RESET:20\n", b"reset:20", b"RESET=20", b""] {
            assert_eq!(Request::parse(wrong), None, "{}", wrong.escape_ascii());
        }
    }

    #[test]
    fn q17_the_interval_is_that_of_clopper_and_pearson() {
        // Expected values: scipy.stats.binomtest(lost, packets).proportion_ci(method="exact").
        let tally = Tally { runs: 60, packets: 150 };
        assert_eq!(tally.to_string(), "mean 2.50 packets, loss 0.600 (95 %: 0.517 to 0.679) over 60 runs");
        let lossless = Tally { runs: 10, packets: 10 };
        assert_eq!(lossless.to_string(), "mean 1.00 packets, loss 0.000 (95 %: 0.000 to 0.308) over 10 runs");
        let once = Tally { runs: 1, packets: 5 };
        assert_eq!(once.to_string(), "mean 5.00 packets, loss 0.800 (95 %: 0.284 to 0.995) over 1 run");
    }
}
