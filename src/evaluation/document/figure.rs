//! The figures of a report: what is drawn, not how.

use crate::statistics::confusion::Confusion;
use crate::statistics::reliability::Bin;
use crate::statistics::wilson::Share;

/// One picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows, as a sentence; also what is read out to whoever does not see it.
    pub caption: String,
    /// The picture.
    pub kind: FigureKind,
}

/// What a picture shows.
#[derive(Clone, Debug, PartialEq)]
pub enum FigureKind {
    /// Truth against answers, silence last.
    Confusion(Confusion),
    /// Confidence against the share right, with consistency bars.
    Reliability(Vec<Bin>),
    /// Error against reach, a curve for each answerer: right answers among the surest, from few to all.
    RiskReach(Vec<(String, Vec<Share>)>),
    /// Shares with their intervals: slices, or versions.
    Shares(Vec<(String, Share)>),
}
