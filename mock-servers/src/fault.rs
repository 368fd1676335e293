//! What a server does to its answer on purpose: maps over the steps of the answer.

use std::{sync::Arc, time::Duration};

use labnet::pmu::Step;
use serde::{Deserialize, Serialize};

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The bytes leave in pieces of this length, cut wherever they are, with a pause after each.
    Slice {
        /// The length of a piece, in bytes; 0 counts as 1.
        bytes: usize,
        /// The pause.
        pause: Duration,
    },
    /// The server stays open for so long after its last byte.
    SlowClose(Duration),
    /// The server ends without a word: over WebSocket without a close frame, over TLS without close_notify.
    NoFarewell,
    /// The server waits for so long between two sends.
    Pauses(Duration),
}

impl Fault {
    /// The steps with this fault.
    pub fn apply(&self, steps: Vec<Step>) -> Vec<Step> {
        match self {
            Self::Slice { bytes, pause } => slice(&steps, *bytes, *pause),
            Self::SlowClose(pause) => steps
                .into_iter()
                .flat_map(|step| match step {
                    Step::Fin => vec![Step::Pause(*pause), Step::Fin],
                    other => vec![other],
                })
                .collect(),
            Self::NoFarewell => steps.into_iter().filter(|step| *step != Step::Fin).collect(),
            Self::Pauses(pause) => {
                let runs = steps.chunk_by(|one, next| one.bytes().is_none() || next.bytes().is_none());
                runs.flat_map(|run| [&[Step::Pause(*pause)][..], run].concat()).skip(1).collect()
            }
        }
    }
}

/// The steps of an answer after several faults. Without faults they are made one by one, as they are sent: an answer may
/// have no end. With faults they are made at once.
pub(crate) fn apply_all<'a>(
    faults: &[Fault],
    steps: impl Iterator<Item = Step> + 'a,
) -> Box<dyn Iterator<Item = Step> + 'a> {
    if faults.is_empty() {
        return Box::new(steps);
    }
    Box::new(faults.iter().fold(steps.collect(), |steps: Vec<Step>, fault| fault.apply(steps)).into_iter())
}

/// Cuts the bytes between two other steps, as one stream.
fn slice(steps: &[Step], len: usize, pause: Duration) -> Vec<Step> {
    let mut sliced = Vec::new();
    for run in steps.chunk_by(|one, next| one.bytes().is_some() && next.bytes().is_some()) {
        let stream: Vec<u8> = run.iter().filter_map(Step::bytes).flat_map(|bytes| bytes.iter().copied()).collect();
        if stream.is_empty() {
            sliced.extend_from_slice(run);
        }
        for piece in stream.chunks(len.max(1)) {
            sliced.extend([Step::Bytes(Arc::from(piece)), Step::Pause(pause)]);
        }
    }
    sliced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Step {
        Step::Bytes(text.as_bytes().into())
    }

    #[test]
    fn a_slice_joins_messages_and_cuts_them_elsewhere() {
        let pause = Duration::from_millis(1);
        let steps = vec![bytes("abcd"), bytes("ef"), Step::Fin];
        let expected = vec![bytes("abc"), Step::Pause(pause), bytes("def"), Step::Pause(pause), Step::Fin];
        assert_eq!(Fault::Slice { bytes: 3, pause }.apply(steps), expected);
    }

    #[test]
    fn an_answer_without_end_and_faults_is_made_as_it_is_sent() {
        let endless = std::iter::repeat_with(|| bytes("a"));
        assert_eq!(apply_all(&[], endless).take(2).count(), 2);
    }

    #[test]
    fn a_slow_close_pauses_before_the_end() {
        let pause = Duration::from_secs(1);
        let steps = Fault::SlowClose(pause).apply(vec![bytes("a"), Step::Fin]);
        assert_eq!(steps, [bytes("a"), Step::Pause(pause), Step::Fin]);
    }

    #[test]
    fn an_end_without_a_word_leaves_the_rest_as_it_is() {
        assert_eq!(Fault::NoFarewell.apply(vec![bytes("a"), Step::Fin]), [bytes("a")]);
    }

    #[test]
    fn pauses_are_between_two_sends_alone() {
        let pause = Duration::from_secs(1);
        let steps = Fault::Pauses(pause).apply(vec![bytes("a"), bytes("b"), bytes("c"), Step::Fin]);
        let expected = [bytes("a"), Step::Pause(pause), bytes("b"), Step::Pause(pause), bytes("c"), Step::Fin];
        assert_eq!(steps, expected);
    }
}
