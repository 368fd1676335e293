//! Faults of streams: maps over the steps of an answer, made as it is sent, for an answer may have no end.

mod bytes;
mod ends;
mod pace;
mod slice;

use labnet::pmu::Step;

use super::Fault;

/// An answer, step by step.
pub type Steps<'a> = Box<dyn Iterator<Item = Step> + Send + 'a>;

impl Fault {
    /// An answer with this fault; those that do not concern a stream leave it as it is.
    ///
    /// Bytes may be held back until there are more, or another step: `Pause(0)` lets what is there leave.
    pub fn apply<'a>(&self, steps: Steps<'a>) -> Steps<'a> {
        match *self {
            Self::Slice { bytes, pause } => slice::slice(steps, bytes, pause),
            Self::Trickle(pause) => slice::slice(steps, 1, pause),
            Self::Bandwidth(rate) => pace::bandwidth(steps, rate),
            Self::Cut { ref offsets } => slice::cut(steps, offsets),
            Self::Delay(duration) => pace::delay(steps, duration),
            Self::Pauses(duration) => pace::pauses(steps, duration),
            Self::Reset(bytes) => bytes::reset(steps, bytes),
            Self::Truncate(len) => bytes::truncate(steps, len),
            Self::Stall(bytes) => bytes::stall(steps, bytes),
            Self::SlowClose(duration) => ends::slow_close(steps, duration),
            Self::HalfClose(duration) => ends::half_close(steps, duration),
            Self::NoClose | Self::NoCloseNotify => ends::no_farewell(steps),
            _ => steps,
        }
    }

    /// Whether [`apply`](Self::apply) changes where sends end, so that none may be joined with another.
    pub(crate) fn shapes_sends(&self) -> bool {
        use Fault::{Bandwidth, Cut, Pauses, Slice, Trickle};
        matches!(self, Slice { .. } | Trickle(_) | Bandwidth(_) | Cut { .. } | Pauses(_))
    }
}

/// An answer with several faults, one after the other.
pub(crate) fn apply_all<'a>(faults: &[Fault], steps: Steps<'a>) -> Steps<'a> {
    faults.iter().fold(steps, |steps, fault| fault.apply(steps))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn bytes(text: &str) -> Step {
        Step::Bytes(text.as_bytes().into())
    }

    fn check(fault: &str, steps: &[Step], expected: &[Step]) {
        let fault: Fault = fault.parse().unwrap();
        let seen: Vec<Step> = fault.apply(Box::new(steps.iter().cloned())).collect();
        assert_eq!(seen, expected, "{fault}");
    }

    #[test]
    fn a_slice_joins_messages_and_cuts_them_elsewhere() {
        let steps = [bytes("abcd"), bytes("ef"), bytes("g"), Step::Fin];
        let pause = Step::Pause(MS);
        check(
            "slice=3,1",
            &steps,
            &[bytes("abc"), pause.clone(), bytes("def"), pause.clone(), bytes("g"), pause.clone(), Step::Fin],
        );
        check("trickle=1", &[bytes("ab"), Step::Fin], &[bytes("a"), pause.clone(), bytes("b"), pause, Step::Fin]);
        // What waits for more leaves before another step.
        let flush = Step::Pause(Duration::ZERO);
        check(
            "slice=3",
            &[bytes("ab"), Step::Pause(MS), bytes("c"), Step::Fin],
            &[bytes("ab"), flush.clone(), Step::Pause(MS), bytes("c"), flush, Step::Fin],
        );
    }

    #[test]
    fn a_cut_ends_a_send_at_its_offset_and_joins_nothing() {
        let pause = Step::Pause(20 * MS);
        check(
            "cut=5,1,4,4,99",
            &[bytes("abcd"), bytes("efg"), Step::Fin],
            &[bytes("a"), pause.clone(), bytes("bcd"), pause.clone(), bytes("e"), pause, bytes("fg"), Step::Fin],
        );
    }

    #[test]
    fn a_limited_bandwidth_sends_a_fiftieth_of_a_second_at_a_time() {
        let pause = Step::Pause(20 * MS);
        check("bandwidth=100", &[bytes("abc"), Step::Fin], &[bytes("ab"), pause.clone(), bytes("c"), pause, Step::Fin]);
        // Fewer bytes than fiftieths: one at a time, further apart.
        check("bandwidth=10", &[bytes("a"), Step::Fin], &[bytes("a"), Step::Pause(100 * MS), Step::Fin]);
    }

    #[test]
    fn an_answer_begins_later_or_pauses_between_two_sends_alone() {
        let (steps, second) = ([bytes("a"), bytes("b"), bytes("c"), Step::Fin], Step::Pause(1000 * MS));
        check("delay=1000", &steps, &[second.clone(), bytes("a"), bytes("b"), bytes("c"), Step::Fin]);
        check("pauses=1000", &steps, &[bytes("a"), second.clone(), bytes("b"), second, bytes("c"), Step::Fin]);
    }

    #[test]
    fn an_answer_ends_after_so_many_bytes_in_another_way() {
        let (steps, moment) = ([bytes("abc"), Step::Pause(MS), bytes("def"), Step::Fin], Step::Pause(20 * MS));
        let head = [bytes("abc"), Step::Pause(MS), bytes("d")];
        check("reset=4", &steps, &[head.to_vec(), vec![moment.clone(), Step::Reset]].concat());
        check("reset=9", &steps, &[&steps[..3], &[moment, Step::Reset]].concat());
        check("truncate=4", &steps, &head);
        check("truncate=9", &steps, &steps[..3]);
        check("truncate=0", &steps, &[]);
        let hour = Step::Stall(Duration::from_secs(3600));
        check("stall=4", &steps, &[head.to_vec(), vec![hour]].concat());
    }

    #[test]
    fn the_end_comes_later_or_in_one_direction_or_without_a_word() {
        let steps = [bytes("a"), Step::Fin];
        check("slow-close=1", &steps, &[bytes("a"), Step::Pause(MS), Step::Fin]);
        check("half-close=1", &steps, &[bytes("a"), Step::Fin, Step::Stall(MS)]);
        check("no-close", &steps, &[bytes("a")]);
        check("no-close-notify", &steps, &[bytes("a")]);
    }

    #[test]
    fn an_answer_without_end_is_made_as_it_is_sent() {
        for fault in super::super::table::ENTRIES.iter().filter(|entry| entry.is_of_streams()) {
            let fault: Fault = fault.parse(fault.value.map(|_| fault.example)).unwrap();
            let endless: Steps<'_> = Box::new(std::iter::repeat_with(|| bytes("abcdefgh")));
            let _ = fault.apply(endless).take(4).count();
        }
    }
}
