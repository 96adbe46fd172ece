//! Guards on normalised text: danger words, and sentences addressed to a machine. They only ever raise.

/// Compiled guards.
#[derive(Clone, Debug, Default)]
pub struct Guards {}
