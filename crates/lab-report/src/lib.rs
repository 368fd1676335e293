//! The lab's questions, answered from what was measured.
