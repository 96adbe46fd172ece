//! When the evidence thread evaluates, and what it then puts on the board: what verdicts amount to, and what the gates say to
//! the state that this instance follows. The leader asks for itself (`inquiry`); nothing here decides anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admin::gates::GatesRead;
use crate::config::settings::RolloutMode;
use crate::domain::time::UtcMillis;
use crate::kafka::evidence_tail::TailError;
use crate::rollout;
use crate::rollout::outlook::ResolveList;
use crate::rollout::state::RolloutState;

use super::evaluation::{evaluate, metrics_of};
use super::evidence::{EvidenceFold, EvidenceOptions, problem_of};

/// Between two evaluations at least; people read screens no faster.
const BETWEEN_EVALUATIONS: Duration = Duration::from_secs(2);
/// So many times as long as an evaluation took nothing is evaluated for screens: at most a twentieth of a core, however much
/// there is. What a leader asks is answered beside it.
const REST: u32 = 20;
/// Without anything new, evaluated all the same after this time: deadlines pass.
const EVALUATED_AT_LEAST: Duration = Duration::from_secs(60);
/// How often records that have left the window are dropped.
const BETWEEN_FORGETTINGS: Duration = Duration::from_secs(3_600);

/// What was last put on the board, and when.
#[derive(Default)]
pub(super) struct Shown {
    is_changed: bool,
    /// Revision of the rollout whose gates were read last.
    revision: u64,
    evaluated_at: Option<Instant>,
    took: Duration,
    told_at: Option<Instant>,
    forgot_at: Option<Instant>,
    look_failed_at: Option<Instant>,
}

impl Shown {
    /// After a round that folded `read` records.
    pub(super) fn round(&mut self, options: &EvidenceOptions, fold: &mut EvidenceFold, read: usize) {
        let revision = options.standing.state().map_or(0, |state| state.revision);
        self.is_changed |= read > 0 || revision != self.revision;
        let is_due = |at: Option<Instant>, after: Duration| at.is_none_or(|at| at.elapsed() >= after);
        if is_due(self.told_at, Duration::from_secs(1)) {
            self.told_at = Some(Instant::now());
            self.tell(options, fold);
        }
        if is_due(self.forgot_at, BETWEEN_FORGETTINGS) {
            self.forgot_at = Some(Instant::now());
            fold.forget();
        }
        let rest = BETWEEN_EVALUATIONS.max(self.took * REST);
        let after = if self.is_changed { rest } else { EVALUATED_AT_LEAST.max(rest) };
        // Before everything has been read once, a number would be one of a part.
        if fold.behind_ms().is_some() && is_due(self.evaluated_at, after) {
            self.evaluate(options, fold);
        }
    }

    fn evaluate(&mut self, options: &EvidenceOptions, fold: &EvidenceFold) {
        let started = Instant::now();
        let now = options.clock.operating_now();
        let evaluated = evaluate(fold.gathered(), &options.settings, &options.ruling.load(), now);
        if (options.is_leading)() {
            options.metrics.evidence(&metrics_of(&evaluated));
        } else {
            options.metrics.not_leading();
        }
        // Nothing is asked of a rollout that nobody has begun.
        let state = options.standing.state().unwrap_or_default();
        self.revision = state.revision;
        let gates = match options.standing.mode() {
            RolloutMode::Fixed => None,
            RolloutMode::Earned => Some(read_gates(options, fold, &state, now)),
        };
        // What was read and what it amounts to are told together: nobody sees one without the other.
        self.told_at = Some(Instant::now());
        self.tell(options, fold);
        options.board.evaluated(evaluated);
        if let Some(gates) = gates {
            options.board.gates(gates);
        }
        self.took = started.elapsed();
        self.evaluated_at = Some(Instant::now());
        self.is_changed = false;
    }

    fn tell(&self, options: &EvidenceOptions, fold: &EvidenceFold) {
        let status = fold.status();
        options.metrics.evidence_read(&fold.behind_by_topic(), status.unreadable_24h);
        options.board.reading(status);
        // A look that has failed is on the board until the next one succeeds.
        if self.look_failed_at.is_none_or(|at| at.elapsed() > Duration::from_secs(15)) {
            match fold.missing_topic() {
                Some(problem) => options.board.problem(problem),
                None => options.board.no_problem(),
            }
        }
    }

    pub(super) fn look_failed(&mut self, options: &EvidenceOptions, error: &TailError) {
        if self.look_failed_at.is_none_or(|at| at.elapsed() > Duration::from_secs(60)) {
            tracing::warn!(%error, "evidence is not read");
        }
        self.look_failed_at = Some(Instant::now());
        options.metrics.evidence_fault();
        options.board.problem(problem_of(error));
    }
}

/// Reads the gates, as a leader that asked now would.
fn read_gates(options: &EvidenceOptions, fold: &EvidenceFold, state: &RolloutState, now: UtcMillis) -> GatesRead {
    let spec = Arc::clone(&options.declared.load().spec);
    let questions = state.questions(&spec);
    let evaluation = rollout::evaluate::evaluate(fold.evidence(), &questions, &spec, fold.cut().clone(), now);
    let allow = &options.ruling.load().policy.allow;
    let list = ResolveList::of(allow.resolve_causes.len(), allow.resolve_categories.len());
    GatesRead { evaluation, spec, list }
}
