//! Does the number help? Minutes saved a ticket, and the accuracy at which it pays: "not configured" until a site has said
//! what its minutes are.

/// How long things take at a site, in minutes a ticket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minutes {
    manual: f64,
    review: f64,
    repair: f64,
}

/// The numbers are no minutes.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("minutes must be finite and 0 or more, and a repair longer than 0: {manual}, {review}, {repair}")]
pub struct NotMinutes {
    manual: f64,
    review: f64,
    repair: f64,
}

/// What answers are worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Minutes saved a ticket; below 0 it costs time.
    pub minutes_per_ticket: f64,
    /// The share of right answers from which it saves time; above 1 it never does.
    pub break_even: f64,
}

impl Minutes {
    /// Minutes of triage by hand, of looking at an answer, and of mending a wrong one.
    ///
    /// # Errors
    /// Numbers that are none.
    pub fn try_new(manual: f64, review: f64, repair: f64) -> Result<Self, NotMinutes> {
        if [manual, review, repair].iter().all(|minutes| minutes.is_finite() && *minutes >= 0.0) && repair > 0.0 {
            Ok(Self { manual, review, repair })
        } else {
            Err(NotMinutes { manual, review, repair })
        }
    }

    /// `manual − review − (1 − right/tickets)·repair` a ticket; it pays from `1 − (manual − review)/repair` on. `None`
    /// without tickets.
    pub fn value(self, right: u64, tickets: u64) -> Option<Value> {
        let Self { manual, review, repair } = self;
        let wrong = 1.0 - right as f64 / tickets as f64;
        (tickets > 0).then(|| Value {
            minutes_per_ticket: manual - review - wrong * repair,
            break_even: (1.0 - (manual - review) / repair).max(0.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quarters_right_saves_time_even_when_every_answer_is_looked_at() {
        // Eight minutes by hand, two to look at an answer, ten to mend a wrong one.
        let value = Minutes::try_new(8.0, 2.0, 10.0).expect("minutes").value(38, 50).expect("tickets");
        assert!((value.minutes_per_ticket - 3.6).abs() < 1e-12 && (value.break_even - 0.4).abs() < 1e-12);
    }

    #[test]
    fn at_the_break_even_nothing_is_saved() {
        let minutes = Minutes::try_new(5.0, 1.0, 20.0).expect("minutes");
        let value = minutes.value(80, 100).expect("tickets");
        assert!((value.break_even - 0.8).abs() < 1e-12 && value.minutes_per_ticket.abs() < 1e-12);
        assert_eq!(minutes.value(0, 0), None);
    }

    #[test]
    fn minutes_are_minutes() {
        assert!(Minutes::try_new(f64::NAN, 1.0, 1.0).is_err());
        assert!(Minutes::try_new(1.0, -1.0, 1.0).is_err());
        assert!(Minutes::try_new(1.0, 1.0, 0.0).is_err());
    }
}
