//! What each rule means, in one sentence without numbers: for `explain`, where only the record is at hand. The sentences
//! with the numbers of one ticket are in [`super::explain`].

use super::decided::Rule;

impl Rule {
    /// What it means that the rule fired, and so what would have to be different.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::PredictedNotLow => {
                "the model predicts something other than low; only low is ever handled automatically"
            }
            Self::BelowThreshold => "the confidence is below the threshold of the slice",
            Self::CriticalCutOff => "critical is predicted, or its probability reaches policy.critical_cut_off",
            Self::HighCap => "the probability of high reaches policy.high_cap",
            Self::SourceCritical => "a source says critical; such a ticket always goes to a person",
            Self::SourceHigh => "a source says high",
            Self::SourceUnmapped => {
                "a source uses a severity word that no alias maps; add it to source.aliases.severity"
            }
            Self::GuardDanger => "the text holds a danger word",
            Self::GuardInjection => "the text speaks to a machine",
            Self::Freeze => "a freeze window is in force",
            Self::Maintenance => "a maintenance window covers the site or the device",
            Self::Protected => "the device, customer tier, circuit or site is in policy.protected",
            Self::ParentCritical => "the parent incident is an open critical",
            Self::ParentUnknown => "the parent incident is not in the recent view and counts as an open critical",
            Self::AlarmsTruncated => "the source left out alarms",
            Self::BodyCut => "the text was cut to its bound, or notes were left out",
            Self::ModelTruncated => "the model saw only a part of the text",
            Self::KindNotAllowed => "the kind is not in policy.allow.kinds",
            Self::CategoryNotAllowed => "the category is not in the list of policy.allow for this action",
            Self::CauseNotAllowed => "the root cause is not in policy.allow.resolve_causes",
            Self::HumanValue => "a person set the severity; noctriage does not write over it",
            Self::StageTooLow => {
                "the stage of the slice allows no automatic action, nobody approves it any more, or a hard stop waits"
            }
            Self::GrantMismatch => {
                "the stage map names another model, calibration or eligibility, or a higher threshold"
            }
            Self::OutsideShare => "the ticket is outside the share that is acted on; the cohort is fixed by its id",
            Self::Drawn => "the ticket is in the evidence draw: people decide it, and are shown nothing",
            Self::Storm => "too many tickets of the same fingerprint came within policy.storm.window_minutes",
            Self::CapActions => "policy.caps.actions_per_hour is used up",
            Self::CapArrivals => "policy.caps.arrivals_share is used up",
            Self::LeaseTooShort => "there was no lease, or too little of it was left",
            Self::Halted => "a halt was in force",
            Self::Superseded => "a newer revision had been decided before this one",
            Self::PersonHasIt => "a person has had the ticket, or has touched it; it is never automatic afterwards",
            Self::AlreadyActed => "this very input was acted on before",
            Self::AlreadySuggested => "this very input has a suggestion already",
            Self::Stale => "the record was older than policy.max_age_s when it was decided",
            Self::HistoryUnknown => "earlier revisions may lie outside the recent view",
            Self::PartialWindow => "the recent view of the partition was incomplete after its rebuild",
            Self::ModelUnavailable => "the model gave no answer by model.deadline_ms",
            Self::DemoModel => "the acting model is a demo model and never leaves shadow outside the demo",
            Self::Disagreement => "source and model differ by two steps or more; a person decides",
            Self::Unsure => "the confidence is below policy.unsure_below; a person is asked to look",
            Self::OwnEcho => "noctriage wrote this revision itself",
        }
    }
}
