//! Packets: captured, kept in files, followed, counted and drawn.
