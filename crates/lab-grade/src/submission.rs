//! What is handed in.
