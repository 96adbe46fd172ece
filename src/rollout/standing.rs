//! What became of each verdict: every record has exactly one name, and every name a count. "Nothing came of it" is never
//! silent.

use std::collections::BTreeMap;

use crate::domain::time::UtcMillis;
use crate::domain::verdict::{RatingScale, Verdict, VerdictKind};
use crate::policy::decided::ActionKind;

use super::evidence::{Evidence, TicketEvidence};
use super::settle::{Dispute, Final, Standing};

/// What became of one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerdictStanding {
    /// It counts.
    Counts,
    /// It came after the deadline: the ticket had counted as wrong, and is corrected.
    Late,
    /// It was stated before the ticket was decided: it judges no decision.
    Early,
    /// It contradicts another one, and nobody has adjudicated.
    Disputed,
    /// A later one corrects it.
    Corrected,
    /// The same statement was there before.
    Duplicate,
    /// A rule concluded it.
    Derived,
    /// The person had seen the model's answer.
    SawModel,
    /// The ticket is not drawn: such a verdict is evidence of nothing.
    NotDrawn,
    /// No decision about such a ticket is known.
    UnknownTicket,
    /// A rating on the scale in use.
    Rating,
    /// A rating on another scale.
    OtherScale,
}

impl VerdictStanding {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Counts,
        Self::Late,
        Self::Early,
        Self::Disputed,
        Self::Corrected,
        Self::Duplicate,
        Self::Derived,
        Self::SawModel,
        Self::NotDrawn,
        Self::UnknownTicket,
        Self::Rating,
        Self::OtherScale,
    ];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Late => "late",
            Self::Early => "early",
            Self::Disputed => "disputed",
            Self::Corrected => "corrected",
            Self::Duplicate => "duplicate",
            Self::Derived => "derived",
            Self::SawModel => "saw_model",
            Self::NotDrawn => "not_drawn",
            Self::UnknownTicket => "unknown_ticket",
            Self::Rating => "rating",
            Self::OtherScale => "other_scale",
        }
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Counts => "evidence of a drawn ticket",
            Self::Late => "evidence, but stated after the deadline",
            Self::Early => "stated before the ticket was decided",
            Self::Disputed => "contradicts another verdict of the ticket; wrong until adjudicated",
            Self::Corrected => "a later verdict corrects it",
            Self::Duplicate => "the same statement once more",
            Self::Derived => "concluded by a rule, stated by nobody; off for promotion",
            Self::SawModel => "the person had seen the model's answer",
            Self::NotDrawn => "the ticket is not in the evidence draw",
            Self::UnknownTicket => "no decision about such a ticket",
            Self::Rating => "rating of a root cause",
            Self::OtherScale => "rating on a scale that is not in use",
        }
    }
}

/// How many verdicts have each standing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerdictTally {
    /// By standing; what is not there is 0. They sum to the number of verdict records.
    pub standings: BTreeMap<VerdictStanding, u64>,
    /// Disputed tickets by reason.
    pub disputes: BTreeMap<Dispute, u64>,
    /// Our own writes that came back.
    pub ours: u64,
}

impl VerdictTally {
    /// The number with one standing.
    pub fn of(&self, standing: VerdictStanding) -> u64 {
        self.standings.get(&standing).copied().unwrap_or_default()
    }
}

/// Names and counts every verdict. `deadline_ms` is how long a verdict may take (desk time).
pub fn tally(evidence: &Evidence, deadline_ms: i64, scale: RatingScale) -> VerdictTally {
    let mut tally = VerdictTally { ours: evidence.ours() as u64, ..VerdictTally::default() };
    for (_, ticket) in evidence.tickets() {
        let settlement = ticket.settlement();
        let place = Place::of(ticket, &settlement.verdict, deadline_ms, scale);
        for (recorded, standing) in ticket.verdicts().iter().zip(&settlement.standings) {
            *tally.standings.entry(place.name(&recorded.value, *standing)).or_default() += 1;
        }
        if let (Final::Disputed(dispute), Some(_)) = (&settlement.verdict, place.decided_at) {
            *tally.disputes.entry(*dispute).or_default() += 1;
        }
    }
    tally
}

/// What the verdicts of a ticket are compared with.
struct Place {
    is_known: bool,
    is_acted: bool,
    is_disputed: bool,
    /// When the drawn ticket was first decided; `None`: it is not drawn.
    decided_at: Option<UtcMillis>,
    deadline_ms: i64,
    scale: RatingScale,
}

impl Place {
    fn of(ticket: &TicketEvidence, verdict: &Final, deadline_ms: i64, scale: RatingScale) -> Self {
        let is_auto = |action| matches!(action, ActionKind::Auto(_));
        Self {
            is_known: ticket.first().is_some(),
            is_acted: ticket.decisions().iter().any(|recorded| is_auto(recorded.value.action)),
            is_disputed: matches!(verdict, Final::Disputed(_)),
            decided_at: ticket.drawn().next().map(|decision| decision.desk_time),
            deadline_ms,
            scale,
        }
    }

    fn name(&self, verdict: &Verdict, standing: Standing) -> VerdictStanding {
        if !self.is_known {
            return VerdictStanding::UnknownTicket;
        }
        match standing {
            Standing::Duplicate => VerdictStanding::Duplicate,
            Standing::Derived => VerdictStanding::Derived,
            Standing::SawModel => VerdictStanding::SawModel,
            Standing::Corrected => VerdictStanding::Corrected,
            Standing::Stands => self.name_standing(verdict),
        }
    }

    fn name_standing(&self, verdict: &Verdict) -> VerdictStanding {
        match (verdict.kind, self.decided_at) {
            (VerdictKind::RootCauseRating, _) => match verdict.rating {
                Some(rating) if rating.scale() == self.scale => VerdictStanding::Rating,
                Some(_) | None => VerdictStanding::OtherScale,
            },
            (VerdictKind::ReviewOfAuto, None) if self.is_acted => VerdictStanding::Counts,
            (_, None) => VerdictStanding::NotDrawn,
            (VerdictKind::ReviewOfAuto | VerdictKind::Reopen | VerdictKind::Outcome, Some(_)) => {
                VerdictStanding::Counts
            }
            (VerdictKind::Triage | VerdictKind::SecondReading | VerdictKind::Adjudication, Some(decided_at)) => {
                if verdict.decided_at <= decided_at {
                    VerdictStanding::Early
                } else if self.is_disputed {
                    VerdictStanding::Disputed
                } else if verdict.decided_at.since_ms(decided_at) > self.deadline_ms {
                    VerdictStanding::Late
                } else {
                    VerdictStanding::Counts
                }
            }
        }
    }
}
