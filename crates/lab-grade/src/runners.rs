//! What runs or compiles a file, by its ending.
