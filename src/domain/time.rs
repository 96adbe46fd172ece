//! Instants and lengths of the two clocks, as plain numbers.

/// An instant in milliseconds since 1970-01-01T00:00:00Z. Which clock it is of, the field's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UtcMillis(pub i64);

impl UtcMillis {
    /// This instant moved by a number of milliseconds, without overflow.
    pub const fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from an earlier instant to this one; negative when `earlier` is later.
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}
