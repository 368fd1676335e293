//! What must hold of every input.

use lab_testbed::facts::RunFacts;

/// Facts that can be read are the same when they are written and read again.
pub fn facts(input: &[u8]) {
    let Ok(facts) = serde_json::from_slice::<RunFacts>(input) else { return };
    let written = serde_json::to_vec(&facts).unwrap();
    let again: RunFacts = serde_json::from_slice(&written).unwrap();
    assert_eq!(serde_json::to_vec(&again).unwrap(), written);
}
