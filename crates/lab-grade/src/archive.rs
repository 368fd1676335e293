//! Zip archives of submissions, unpacked without trust.
