//! What the site has declared about the rollout: slices, thresholds, limits, waiting times. One value per reload; the gates
//! and the plan read it and nothing else of the configuration.

use std::sync::Arc;

use crate::domain::probability::Probability;
use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;
use crate::policy::ruling::DrawRates;
use crate::statistics::level::slice_weights;
use crate::statistics::tally::ErrorLimit;

use super::closing::LOOK_BACK_MS;
use super::local_time::{DeskCalendar, WorkingHours};
use super::reading::Gate;

const DAY_MS: i64 = 24 * 3_600_000;

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutSpec {
    /// Permission slices in their order; the last one is `rest`.
    pub slices: Vec<SliceSpec>,
    /// The declared grid of thresholds, ascending; the configured ones are on it.
    pub threshold_grid: Vec<Probability>,
    /// Error limits.
    pub limits: Limits,
    /// How long a verdict may take (desk time).
    pub verdict_deadline_ms: i64,
    /// The live window of an account (desk time, days). Default 28.
    pub window_days: u32,
    /// How long a stage is held before the next may be earned (desk time, days). Default 7.
    pub soak_days: u32,
    /// The same between two steps of a share (desk time, days). Default 2.
    pub soak_step_days: u32,
    /// How long nothing is earned after a step-back (desk time, days). Default 3.
    pub cool_down_days: u32,
    /// How long a person's word lets a slice act (desk time, days). Default 30.
    pub approval_days: u32,
    /// When people are at work: an approval ends at no other hour.
    pub working_hours: WorkingHours,
    /// What a breach of a gate in force does; a gate that is not named steps back.
    pub observed_only: Vec<Gate>,
    /// The calendar of the desk.
    pub calendar: DeskCalendar,
    /// Rates of the draws: where the evidence draw's is `auto`, the leader chooses it.
    pub draw_rates: DrawRates,
    /// Who judges the drawn tickets.
    pub judged_by: JudgedBy,
}

/// Who judges the drawn tickets, and so how many that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedBy {
    /// Engineers in the course of their work: every ticket.
    TheirWork,
    /// Whoever rates tickets beside it, from a list that a person can work off in a day.
    LabelList,
}

/// One permission slice.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceSpec {
    /// Its name.
    pub name: Arc<str>,
    /// The configured threshold.
    pub threshold: Probability,
}

/// Error limits, each a share of counted tickets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Severity answers that are wrong, for `suggest`. Default 0.30: 70 % right.
    pub severity_error: ErrorLimit,
    /// Automatic actions that would be wrong. Default 0.02.
    pub action_error: ErrorLimit,
    /// Eligible tickets that people call critical, per action in the order of [`AutoAction::ALL`]. Default 0.01, 0.005.
    pub critical_miss: [ErrorLimit; 2],
    /// Drawn tickets without a verdict after the deadline, above which promotion waits. Default 0.05.
    pub missing_verdicts: f64,
    /// Late decisions, above which promotion waits. Default 0.02.
    pub late_decisions: f64,
    /// Signed gap between confidence and what is right, beyond which promotion waits. Default 0.05.
    pub calibration_gap: f64,
    /// Resolved tickets that are opened again. Default 0.05.
    pub reopened: ErrorLimit,
}

impl RolloutSpec {
    /// A slice by name.
    pub fn slice(&self, name: &str) -> Option<&SliceSpec> {
        self.slices.iter().find(|slice| &*slice.name == name)
    }

    /// The weight v of a slice; `None`: there is none of that name.
    pub fn slice_weight(&self, name: &str) -> Option<f64> {
        let place = self.slices.iter().position(|slice| &*slice.name == name)?;
        let weights = slice_weights(u32::try_from(self.slices.len()).unwrap_or(u32::MAX));
        Some(if place + 1 == self.slices.len() { weights.rest } else { weights.other.unwrap_or(weights.rest) })
    }

    /// Limit of [`Gate::CriticalMiss`] for an action.
    pub const fn critical_miss(&self, action: AutoAction) -> ErrorLimit {
        self.limits.critical_miss[action.index()]
    }

    /// The first instant that evidence of `now` may rest on, a midnight (UTC): the window, as long as the verdict of its
    /// oldest ticket may take, and the days before the first open one that closing it reads.
    pub const fn evidence_since(&self, now: UtcMillis) -> UtcMillis {
        let oldest = now.plus_ms(-Self::days_ms(self.window_days)).plus_ms(self.verdict_deadline_ms.saturating_neg());
        UtcMillis(oldest.0.div_euclid(DAY_MS) * DAY_MS).plus_ms(-LOOK_BACK_MS)
    }

    /// Days of desk time in milliseconds.
    pub const fn days_ms(days: u32) -> i64 {
        days as i64 * DAY_MS
    }
}

impl Default for Limits {
    fn default() -> Self {
        let limit = |rate| ErrorLimit::try_new(rate).expect("a good limit");
        Self {
            severity_error: limit(0.30),
            action_error: limit(0.02),
            critical_miss: [limit(0.01), limit(0.005)],
            missing_verdicts: 0.05,
            late_decisions: 0.02,
            calibration_gap: 0.05,
            reopened: limit(0.05),
        }
    }
}
