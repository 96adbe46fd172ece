//! What the file says, what the program uses, and the way from one to the other.

pub mod settings;
