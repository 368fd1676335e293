//! Private networks: hosts, names and a path between them, out of reach of any other.
