//! Live accuracy as JSON: what `/api/v1/accuracy`, `status` and `verdicts check` show. Every share stands with its count
//! and its interval.

use serde::{Deserialize, Serialize};

use crate::rollout::accuracy::{Answerer, Row, Score, SliceAccuracy};

/// Models that are shown per slice; those that answered most tickets come first. More than a handful in one window means
/// that models are changed faster than anybody can judge them.
const ROWS_MAX: usize = 16;

/// Live accuracy of one slice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccuracyRecord {
    /// Drawn tickets that were asked about.
    pub drawn: u64,
    /// Of them with a final severity: all scores rest on these.
    pub judged: u64,
    /// Nobody has answered yet, and the deadline has not passed.
    pub waiting: u64,
    /// Nobody answered by the deadline.
    pub missing: u64,
    /// People disagree, and nobody has adjudicated.
    pub disputed: u64,
    /// A person was there before the decision.
    pub late_decision: u64,
    /// Ended without a person.
    pub no_verdict_due: u64,
    /// Source, baseline, acting models, candidates.
    pub rows: Vec<RowRecord>,
    /// Rows that are left out.
    pub rows_left_out: u64,
    /// People.
    pub engineers: EngineersRecord,
}

/// One answerer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowRecord {
    /// source, baseline, acting, candidate.
    pub role: String,
    /// Name on the card; absent for the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Version on the card; absent for the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest of the model directory; absent for the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How often it is right.
    pub score: ScoreRecord,
    /// Tickets on which only this one is right, compared with the acting model.
    pub alone_right: u64,
    /// Tickets on which only the acting model is right.
    pub acting_alone_right: u64,
}

/// k of n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreRecord {
    /// Equal to the final verdict.
    pub right: u64,
    /// All.
    pub of: u64,
    /// Without an answer: not right.
    pub unanswered: u64,
    /// Less urgent than the final verdict.
    pub too_low: u64,
    /// More urgent than it.
    pub too_high: u64,
    /// Wilson's 95 % interval of the share that is right, lower end first; absent without tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_95: Option<[f64; 2]>,
}

/// People on tickets that several of them read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EngineersRecord {
    /// Single readings against the final verdict.
    pub readings: ScoreRecord,
    /// Tickets that several people read.
    pub tickets_read_twice: u64,
    /// Mean agreement among readers, 0 to 1; absent without such tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement_among_readers: Option<f64>,
    /// Mean agreement of the acting model with readers, on the same tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement_with_acting: Option<f64>,
}

/// A share with six digits, as shares stand in records: more would be noise, and would not read back alike.
fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

impl From<&Score> for ScoreRecord {
    fn from(score: &Score) -> Self {
        let Score { right, of, unanswered, too_low, too_high } = *score;
        let interval_95 = score.interval().map(|interval| [rounded(interval.low), rounded(interval.high)]);
        Self { right, of, unanswered, too_low, too_high, interval_95 }
    }
}

impl From<(&Answerer, &Row)> for RowRecord {
    fn from((answerer, row): (&Answerer, &Row)) -> Self {
        let model = answerer.model();
        Self {
            role: answerer.as_str().to_owned(),
            model: model.map(|model| model.name.clone()),
            version: model.map(|model| model.version.clone()),
            digest: model.map(|model| model.digest.to_string()),
            score: ScoreRecord::from(&row.score),
            alone_right: row.against_acting.second,
            acting_alone_right: row.against_acting.first,
        }
    }
}

impl From<&SliceAccuracy> for AccuracyRecord {
    fn from(accuracy: &SliceAccuracy) -> Self {
        let SliceAccuracy { drawn, judged, waiting, missing, disputed, late_decision, no_verdict_due, rows, engineers } =
            accuracy;
        let agreement = engineers.agreement();
        let mut shown: Vec<(&Answerer, &Row)> = rows.iter().collect();
        let left_out = shown.len().saturating_sub(ROWS_MAX);
        if left_out > 0 {
            shown.sort_by_key(|(_, row)| std::cmp::Reverse(row.score.of));
            shown.truncate(ROWS_MAX);
            shown.sort_by_key(|(answerer, _)| *answerer);
        }
        Self {
            drawn: *drawn,
            judged: *judged,
            waiting: *waiting,
            missing: *missing,
            disputed: *disputed,
            late_decision: *late_decision,
            no_verdict_due: *no_verdict_due,
            rows: shown.into_iter().map(RowRecord::from).collect(),
            rows_left_out: left_out as u64,
            engineers: EngineersRecord {
                readings: ScoreRecord::from(&engineers.readings),
                tickets_read_twice: engineers.read_twice.len() as u64,
                agreement_among_readers: agreement.map(|pair| rounded(pair.0)),
                agreement_with_acting: agreement.map(|pair| rounded(pair.1)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::digest::Digest;
    use crate::rollout::decision::ModelKey;

    fn candidate(number: usize) -> Answerer {
        Answerer::Candidate(Arc::new(ModelKey {
            name: format!("m{number:02}"),
            version: "1".into(),
            digest: Digest::of(&number.to_be_bytes()),
            calibration_digest: Digest::default(),
        }))
    }

    #[test]
    fn a_hundred_models_are_cut_to_those_that_answered_most() {
        let mut accuracy = SliceAccuracy::default();
        for number in 0..100 {
            let score = Score { of: number as u64, right: 1.min(number as u64), ..Score::default() };
            accuracy.rows.insert(candidate(number), Row { score, ..Row::default() });
        }
        let record = AccuracyRecord::from(&accuracy);
        assert_eq!((record.rows.len(), record.rows_left_out), (16, 84));
        assert_eq!(record.rows[0].model.as_deref(), Some("m84"));
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<AccuracyRecord>(&text).unwrap(), record);
    }

    #[test]
    fn no_ticket_is_no_interval() {
        let text = serde_json::to_string(&AccuracyRecord::from(&SliceAccuracy::default())).unwrap();
        assert!(!text.contains("interval_95") && !text.contains("agreement"), "{text}");
    }
}
