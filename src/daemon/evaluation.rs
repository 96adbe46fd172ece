//! From evidence to the board: one evaluation. Values in, values out; the evidence thread says when.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::admin::accuracy::AccuracyRecord;
use crate::admin::board::{Evaluated, EvaluatedSlice};
use crate::admin::status::{NextStatus, Problem, VerdictsStatus};
use crate::config::settings::{RolloutMode, Settings, TruthSource};
use crate::domain::stage::Stage;
use crate::domain::time::UtcMillis;
use crate::kafka::evidence_reader::Gathered;
use crate::metrics::{AnswererLabel, DrawnState, EvidenceShown, SliceShown};
use crate::policy::ruling::Ruling;
use crate::rollout::accuracy::{ALL_SLICES, AccuracyWindow, SliceAccuracy, live_accuracy};
use crate::rollout::counting::{AccountKey, CountingRules, Since, count};
use crate::rollout::decision::ModelKey;
use crate::rollout::log::Cut;
use crate::rollout::spec::RolloutSpec;
use crate::rollout::standing::{VerdictStanding, tally};
use crate::rollout::survey::Survey;
use crate::rollout::to_go::{Counts, Outlook};
use crate::rollout::wrong::Permission;
use crate::statistics::level::{ALPHA, Level, slice_weights};
use crate::wire::values::Instant;
use crate::wire::words::Word;

/// Gaps of the feed that are shown.
const GAPS_MAX: usize = 5;

/// Unreadable records are a problem for this long: nobody can mend what lies in a log.
pub const UNREADABLE_MS: i64 = 86_400_000;

/// How long a verdict may take, in milliseconds of desk time.
pub fn deadline_ms(settings: &Settings) -> i64 {
    i64::try_from(settings.verdicts.deadline.as_millis()).unwrap_or(i64::MAX)
}

/// What the evidence amounts to at an instant of desk time.
pub fn evaluate(gathered: &Gathered, settings: &Settings, ruling: &Ruling, now: UtcMillis) -> Evaluated {
    let evidence = &gathered.evidence;
    let deadline_ms = deadline_ms(settings);
    let spec = &settings.rollout.spec;
    let window = AccuracyWindow { from: now.plus_ms(-RolloutSpec::days_ms(spec.window_days)), now, deadline_ms };
    let rules = CountingRules::at(evidence, deadline_ms, now);
    let mut accuracy = live_accuracy(evidence, window);
    let all_slices = accuracy.remove(ALL_SLICES).unwrap_or_default();
    let verdicts = verdicts(gathered, settings, &rules, window);
    let problems = problems(gathered, settings, &verdicts, now);
    Evaluated {
        slices: slices(gathered, settings, ruling, &rules, &accuracy, now),
        all_slices: AccuracyRecord::from(&all_slices),
        verdicts,
        problems,
    }
}

fn verdicts(gathered: &Gathered, settings: &Settings, rules: &CountingRules, window: AccuracyWindow) -> VerdictsStatus {
    let tally = tally(&gathered.evidence, window.deadline_ms, settings.verdicts.rating_scale);
    let last = gathered.evidence.last_stated(window.now);
    let gaps = rules.gaps.all();
    let open = gaps.last().filter(|(_, until)| *until == window.now);
    let newest = &gaps[gaps.len().saturating_sub(GAPS_MAX)..];
    VerdictsStatus {
        from: Some(Instant(window.from)),
        evaluated_at: Some(Instant(window.now)),
        truth: settings.verdicts.truth.as_str().to_owned(),
        deadline_hours: window.deadline_ms / 3_600_000,
        standings: VerdictStanding::ALL.map(|standing| (standing.as_str().to_owned(), tally.of(standing))).into(),
        ours: tally.ours,
        disputed_tickets: tally.disputes.iter().map(|(why, count)| (why.as_str().to_owned(), *count)).collect(),
        last_stated_at: last.map(Instant),
        silent_since: open.map(|(from, _)| Instant(*from)),
        gaps: newest.iter().map(|(from, until)| [Instant(*from), Instant(*until)]).collect(),
    }
}

fn slices(
    gathered: &Gathered,
    settings: &Settings,
    ruling: &Ruling,
    rules: &CountingRules,
    accuracy: &BTreeMap<Arc<str>, SliceAccuracy>,
    now: UtcMillis,
) -> Vec<EvaluatedSlice> {
    let survey = Survey::of(&gathered.evidence);
    let spec = &settings.rollout.spec;
    // Where stages are earned, the gates say what is missing.
    let is_fixed = settings.rollout.mode == RolloutMode::Fixed;
    let configured = &ruling.policy.slices;
    let weights = slice_weights(u32::try_from(configured.len().max(1)).unwrap_or(u32::MAX));
    let is_gone = |name: &str| !configured.iter().any(|rule| rule.name == name);
    let gone = accuracy.keys().filter(|name| is_gone(name)).map(|name| (name.to_string(), None));
    let last = configured.len().saturating_sub(1);
    let weighted = configured.iter().enumerate().map(|(index, rule)| {
        let weight = if index == last { weights.rest } else { weights.other.unwrap_or(weights.rest) };
        (rule.name.clone(), Some(weight))
    });
    let slice = |(name, weight): (String, Option<f64>)| {
        let is_in_shadow = ruling
            .stage_map
            .slices
            .iter()
            .find(|entry| entry.slice == name)
            .is_none_or(|entry| entry.stage == Stage::Shadow);
        EvaluatedSlice {
            accuracy: accuracy.get(name.as_str()).map(AccuracyRecord::from).unwrap_or_default(),
            next: weight
                .filter(|_| is_fixed && is_in_shadow)
                .and_then(|weight| next(&survey, ruling, spec, rules, &name, weight, now)),
            slice: name,
        }
    };
    weighted.chain(gone).map(slice).collect()
}

/// What is counted towards showing the answers: every answered ticket, no threshold, so that the whole weight is its own.
fn next(
    survey: &Survey<'_>,
    ruling: &Ruling,
    spec: &RolloutSpec,
    rules: &CountingRules,
    slice: &str,
    slice_weight: f64,
    now: UtcMillis,
) -> Option<NextStatus> {
    let level = Level::try_new(slice_weight, 1.0, ALPHA, 1).ok()?;
    let model = &ruling.acting;
    let account = AccountKey {
        slice: Arc::from(slice),
        permission: Permission::Suggest,
        model: Arc::new(ModelKey::from(&**model)),
        eligibility_digest: ruling.policy.eligibility_digest,
        threshold: ruling.policy.slices.iter().find(|rule| rule.name == slice)?.threshold,
    };
    let count = count(survey, &account, rules, Since::cut(&Cut::start()), now);
    let outlook = Outlook::of(&Counts::from(&count), rules, spec.limits.severity_error, level, now);
    Some(NextStatus {
        stage: Word(Stage::Suggest),
        counted: outlook.counted,
        wrong: outlook.wrong,
        wrong_unanswered: outlook.wrong_unanswered,
        is_shown: outlook.is_shown(),
        sentence: outlook.sentence(),
    })
}

/// The same as metrics show it.
pub fn metrics_of(evaluated: &Evaluated) -> EvidenceShown<'_> {
    let verdicts = &evaluated.verdicts;
    let all = std::iter::once((ALL_SLICES, &evaluated.all_slices));
    let slices = evaluated.slices.iter().map(|slice| (slice.slice.as_str(), &slice.accuracy));
    let standing = |standing: VerdictStanding| verdicts.standings.get(standing.as_str()).copied().unwrap_or_default();
    EvidenceShown {
        slices: all.chain(slices).map(|(name, accuracy)| slice_shown(name, accuracy)).collect(),
        standings: VerdictStanding::ALL.map(standing),
        ours: verdicts.ours,
        last_stated_s: verdicts.last_stated_at.map(|at| at.0.0 as f64 / 1000.0),
        is_silent: verdicts.silent_since.is_some(),
    }
}

fn slice_shown<'slice>(slice: &'slice str, accuracy: &AccuracyRecord) -> SliceShown<'slice> {
    // Of several models in one capacity, the one that answered most: the others are on the board.
    let score = |label: AnswererLabel| match label {
        AnswererLabel::Engineers => Some(&accuracy.engineers.readings).filter(|score| score.of > 0),
        AnswererLabel::Source | AnswererLabel::Baseline | AnswererLabel::Acting | AnswererLabel::Candidate => {
            let rows = accuracy.rows.iter().filter(|row| row.role == label.as_str());
            rows.map(|row| &row.score).max_by_key(|score| score.of)
        }
    };
    let drawn = |state: DrawnState| match state {
        DrawnState::Judged => accuracy.judged,
        DrawnState::Waiting => accuracy.waiting,
        DrawnState::Missing => accuracy.missing,
        DrawnState::Disputed => accuracy.disputed,
        DrawnState::LateDecision => accuracy.late_decision,
        DrawnState::NoVerdictDue => accuracy.no_verdict_due,
    };
    SliceShown {
        slice,
        drawn: DrawnState::ALL.map(drawn),
        scores: AnswererLabel::ALL.map(|label| score(label).map(|score| (score.right, score.of))),
    }
}

/// What keeps verdicts from counting, each with what to do.
fn problems(gathered: &Gathered, settings: &Settings, verdicts: &VerdictsStatus, now: UtcMillis) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |what: String, hint: &str| problems.push(Problem { what, hint: hint.to_owned() });
    if settings.verdicts.truth == TruthSource::Undecided {
        let hint = "set verdicts.truth to ticket_system or explicit";
        say("verdicts.truth is undecided: nothing counts for a stage".into(), hint);
    }
    let unreadable = gathered.unreadable_since(now.plus_ms(-UNREADABLE_MS));
    if unreadable > 0 {
        let what = format!("{unreadable} records of evidence of the last 24 hours cannot be read");
        say(what, "`noctriage verdicts check --from 1d` says where they lie and why");
    }
    if let Some(since) = verdicts.silent_since {
        let what =
            format!("nobody has stated anything since {since}: unusually long, tickets drawn meanwhile do not count");
        say(what, "is the ticket system's feed up? `noctriage verdicts check` says who stated how much");
    }
    let disputed: u64 = verdicts.disputed_tickets.values().sum();
    if disputed > 0 {
        let what = format!("people disagree on {disputed} tickets: they count as wrong until somebody adjudicates");
        say(what, "`noctriage verdicts add TICKET --kind adjudication --role adjudicator …`");
    }
    problems
}

#[cfg(test)]
#[path = "evaluation_tests.rs"]
mod tests;
