//! Part 4: the receiver's membership, what it shows and survives, and the datagrams of the senders.

mod receiver;
mod sender;

use lab_testbed::facts::RunFacts;

use crate::finding::Finding;

/// Findings about the programs of part 4.
pub(crate) fn diagnose(facts: &RunFacts) -> Vec<Finding> {
    [receiver::diagnose(facts), sender::diagnose(facts)].concat()
}
