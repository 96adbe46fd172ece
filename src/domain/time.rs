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

    /// Hours from this instant to another one, rounded up; negative when that is earlier.
    pub const fn hours_until(self, later: Self) -> i64 {
        const HOUR_MS: i64 = 3_600_000;
        let (hours, rest) = (later.since_ms(self) / HOUR_MS, later.since_ms(self) % HOUR_MS);
        if rest > 0 { hours + 1 } else { hours }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_has_begun_counts() {
        let hours = [-3_600_001, -1, 0, 1, 3_600_000, 3_600_001].map(|ms| UtcMillis(5).hours_until(UtcMillis(5 + ms)));
        assert_eq!(hours, [-1, 0, 0, 1, 1, 2]);
    }
}
