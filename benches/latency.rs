//! From the append of a ticket to its committed outcome, in parts.
fn main() {}
