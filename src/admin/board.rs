//! The board: what the evidence thread and the Kafka thread know, for whoever asks over HTTP. Each field has one writer;
//! readers take a copy of a pointer, and nobody waits for anybody.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;
use crate::policy::ruling::{DrawRates, EvidenceRate, SlicePermission, StageMap};
use crate::rollout::draw_rate::{FILLED_IN_DAYS, greatest};
use crate::rollout::state::RolloutState;
use crate::wire::values::Instant;
use crate::wire::words::Word;

use super::accuracy::AccuracyRecord;
use super::gates::{GatesRead, StepStatus, gates};
use super::health::Health;
use super::rollout::RolloutStatus;
use super::status::{
    DrawStatus, NextStatus, PermissionStatus, Problem, ReadingStatus, STATUS_SCHEMA, SliceStatus, Status, TriageStatus,
    VerdictsStatus,
};

/// Slices that are shown; a configuration with more of them is read slice by slice in `verdicts check`.
const SLICES_MAX: usize = 64;

const DAY_MS: f64 = 86_400_000.0;

/// What the evidence amounts to: one evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    /// What became of verdicts.
    pub verdicts: VerdictsStatus,
    /// Slices by name, in the order of the configuration, then those of older decisions.
    pub slices: Vec<EvaluatedSlice>,
    /// Over all slices.
    pub all_slices: AccuracyRecord,
    /// What keeps verdicts from counting.
    pub problems: Vec<Problem>,
}

/// One slice of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluatedSlice {
    /// Its name.
    pub slice: String,
    /// Live accuracy.
    pub accuracy: AccuracyRecord,
    /// The next stage.
    pub next: Option<NextStatus>,
}

/// How the rollout stands at one moment.
#[derive(Clone, Debug)]
pub struct Stands {
    /// Lease, halts, leader.
    pub rollout: RolloutStatus,
    /// The state that the leader has written; `None`: none has been read.
    pub state: Option<Arc<RolloutState>>,
}

/// Says how the rollout stands where the stage map of a revision is in force, when it is asked: a lease that was written
/// down would not run out.
struct Standing(Box<dyn Fn(u64) -> Stands + Send + Sync>);

impl fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Standing")
    }
}

/// Shared state, behind an `Arc`.
#[derive(Debug, Default)]
pub struct Board {
    instance: ArcSwap<String>,
    standing: OnceLock<Standing>,
    gates: ArcSwapOption<GatesRead>,
    stage_map: ArcSwapOption<StageMap>,
    draw_rates: ArcSwapOption<DrawRates>,
    reading: ArcSwap<ReadingStatus>,
    evaluated: ArcSwapOption<Evaluated>,
    problem: ArcSwapOption<Problem>,
}

impl Board {
    /// The name of this instance.
    pub fn instance(&self, instance: &str) {
        self.instance.store(Arc::new(instance.to_owned()));
    }

    /// Where lease, halts and leader are asked for, from now on. Said once: what is asked goes on for the life of the process.
    pub fn standing(&self, ask: impl Fn(u64) -> Stands + Send + Sync + 'static) {
        if self.standing.set(Standing(Box::new(ask))).is_err() {
            tracing::debug!("lease and halts are asked for where they were before");
        }
    }

    /// How the rollout stands at this moment; `None`: nobody follows it yet.
    pub fn stands(&self) -> Option<Stands> {
        let revision = self.stage_map.load().as_ref().map_or(0, |map| map.rollout_revision);
        self.standing.get().map(|Standing(ask)| ask(revision))
    }

    /// What the gates say.
    pub fn gates(&self, read: GatesRead) {
        self.gates.store(Some(Arc::new(read)));
    }

    /// The stage map in force.
    pub fn stage_map(&self, map: Arc<StageMap>) {
        self.stage_map.store(Some(map));
    }

    /// Rates of the draws, as configured.
    pub fn draw_rates(&self, rates: DrawRates) {
        self.draw_rates.store(Some(Arc::new(rates)));
    }

    /// How far evidence is read.
    pub fn reading(&self, reading: ReadingStatus) {
        self.reading.store(Arc::new(reading));
    }

    /// What it amounts to.
    pub fn evaluated(&self, evaluated: Evaluated) {
        self.evaluated.store(Some(Arc::new(evaluated)));
    }

    /// Evidence cannot be read just now, and why. Shown to operators: no ticket text.
    pub fn problem(&self, problem: Problem) {
        self.problem.store(Some(Arc::new(problem)));
    }

    /// It can be read again.
    pub fn no_problem(&self) {
        // Stores only on a change: this is called in every round.
        if self.problem.load().is_some() {
            self.problem.store(None);
        }
    }

    /// Everything that is known, with what the process says of itself.
    pub fn status(&self, health: &Health, now: UtcMillis) -> Status {
        let evaluated = self.evaluated.load_full();
        let map = self.stage_map.load_full();
        let (rollout, state) = self.stands().map(|Stands { rollout, state }| (rollout, state)).unzip();
        let reading = self.reading.load_full();
        let read = self.gates.load_full();
        let begun = state.flatten().unwrap_or_default();
        let (gates, steps) = rollout
            .as_ref()
            .and_then(|rollout| gates(read.as_deref(), &begun, rollout, &reading, now))
            .map_or((None, Vec::new()), |(gates, steps)| (Some(gates), steps));
        let rates = self.draw_rates.load_full();
        let mut slices = slices(map.as_deref(), rates.as_deref(), rollout.as_ref(), evaluated.as_deref());
        for (name, step) in steps {
            if let Some(slice) = slices.iter_mut().find(|slice| slice.slice == *name) {
                if let Some(permission) = &mut slice.permission {
                    say_if_short(permission, &step, now);
                }
                slice.step = Some(step);
            }
        }
        let ready = health.ready();
        let reasons = ready.as_ref().err().into_iter().flatten().map(ToString::to_string).collect();
        let problem = self.problem.load_full().map(|problem| problem.as_ref().clone());
        let of_evidence = evaluated.iter().flat_map(|evaluated| evaluated.problems.iter().cloned());
        Status {
            schema: STATUS_SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.instance.load().as_ref().clone(),
            answered_at: Instant(now),
            triage: TriageStatus { ready: ready.is_ok(), partitions: health.partitions(), reasons },
            reading: reading.as_ref().clone(),
            verdicts: evaluated.as_ref().map(|evaluated| evaluated.verdicts.clone()),
            slices,
            rollout,
            gates,
            all_slices: evaluated.as_ref().map(|evaluated| evaluated.all_slices.clone()),
            problems: problem.into_iter().chain(of_evidence).collect(),
        }
    }
}

/// Slices of the configuration first, then those that only older decisions name.
fn slices(
    map: Option<&StageMap>,
    rates: Option<&DrawRates>,
    rollout: Option<&RolloutStatus>,
    evaluated: Option<&Evaluated>,
) -> Vec<SliceStatus> {
    let permissions = map.map_or(&[][..], |map| map.slices.as_slice());
    let is_fixed = rollout.is_some_and(RolloutStatus::is_fixed);
    let known = evaluated.map_or(&[][..], |evaluated| evaluated.slices.as_slice());
    let find = |name: &str| known.iter().find(|slice| slice.slice == name);
    let configured = permissions.iter().map(|entry| {
        let found = find(&entry.slice);
        SliceStatus {
            slice: entry.slice.clone(),
            permission: Some(permission(entry, rates, is_fixed)),
            accuracy: evaluated.map(|_| found.map(|slice| slice.accuracy.clone()).unwrap_or_default()),
            next: found.and_then(|slice| slice.next.clone()),
            step: None,
        }
    });
    let is_gone = |slice: &&EvaluatedSlice| !permissions.iter().any(|entry| entry.slice == slice.slice);
    let gone = known.iter().filter(is_gone).map(|slice| SliceStatus {
        slice: slice.slice.clone(),
        permission: None,
        accuracy: Some(slice.accuracy.clone()),
        next: None,
        step: None,
    });
    configured.chain(gone).take(SLICES_MAX).collect()
}

fn permission(entry: &SlicePermission, rates: Option<&DrawRates>, is_fixed: bool) -> PermissionStatus {
    let share = |action: AutoAction| {
        if entry.stage >= action.stage_needed() { entry.shares[action.index()].get() } else { 0.0 }
    };
    PermissionStatus {
        stage: Word(entry.stage),
        auto_triage: share(AutoAction::Triage),
        auto_resolve: share(AutoAction::Resolve),
        is_fixed,
        draw: rates.map(|rates| draw(entry, rates)),
    }
}

fn draw(entry: &SlicePermission, rates: &DrawRates) -> DrawStatus {
    let rate = rates.evidence(entry.stage);
    let is_auto = rate == EvidenceRate::Auto;
    DrawStatus { evidence_rate: rate.in_force(entry.evidence_rate), is_auto, is_short: false }
}

/// Where the greatest rate of a stage does not bring in time what the next step needs, it is said.
fn say_if_short(permission: &mut PermissionStatus, step: &StepStatus, now: UtcMillis) {
    let expected = step.next.as_ref().and_then(|next| next.expected);
    let is_late = expected.is_some_and(|Instant(at)| at.since_ms(now) as f64 > FILLED_IN_DAYS * DAY_MS);
    let most = greatest(permission.stage.0).get();
    if let Some(draw) = &mut permission.draw {
        draw.is_short = draw.is_auto && draw.evidence_rate >= most && is_late;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::rollout::HaltsStatus;
    use crate::clock::Clock;
    use crate::config::settings::RolloutMode;
    use crate::domain::probability::Probability;
    use crate::domain::stage::{Share, Stage};
    use crate::policy::draws::DrawRate;
    use crate::policy::slices::SliceRule;
    use crate::rollout::tests::desk::AUTO;

    fn rule(name: &str) -> SliceRule {
        SliceRule { name: name.to_owned(), conditions: Vec::new(), threshold: Probability::try_new(0.95).unwrap() }
    }

    fn stands(mode: RolloutMode, revision: u64) -> Stands {
        let rollout = RolloutStatus {
            mode: mode.as_str().to_owned(),
            revision,
            lease_left_s: None,
            leader: None,
            is_leading: false,
            not_renewed: None,
            halts: HaltsStatus::default(),
            approvals: Vec::new(),
        };
        Stands { rollout, state: None }
    }

    fn health() -> Health {
        Health::new(Clock::manual(UtcMillis(0)), 10_000)
    }

    #[test]
    fn a_new_board_says_what_it_does_not_know_yet() {
        let status = Board::default().status(&health(), UtcMillis(0));
        assert!(!status.triage.ready && !status.triage.reasons.is_empty());
        assert_eq!((status.verdicts, status.slices.len(), status.reading.is_read), (None, 0, false));
    }

    #[test]
    fn a_stage_is_fixed_where_the_configuration_fixes_it_and_not_before_the_first_map() {
        let is_fixed = |mode| {
            let board = Board::default();
            board.standing(move |revision| stands(mode, revision));
            board.stage_map(Arc::new(StageMap::fixed(&[rule("rest")], Stage::Shadow, [Share::ZERO; 2])));
            board.status(&health(), UtcMillis(0)).slices[0].permission.as_ref().unwrap().is_fixed
        };
        assert_eq!(RolloutMode::ALL.map(is_fixed), [true, false]);
    }

    #[test]
    fn slices_stand_in_the_order_of_the_configuration_and_old_ones_behind() {
        let board = Board::default();
        let shares = [Share::try_new(0.5).unwrap(), Share::try_new(0.25).unwrap()];
        board.stage_map(Arc::new(StageMap::fixed(&[rule("wireless"), rule("rest")], Stage::AutoTriage, shares)));
        let of = |name: &str, drawn| EvaluatedSlice {
            slice: name.to_owned(),
            accuracy: AccuracyRecord { drawn, ..AccuracyRecord::default() },
            next: None,
        };
        board.evaluated(Evaluated { slices: vec![of("gone", 7), of("rest", 9)], ..Evaluated::default() });
        let slices = board.status(&health(), UtcMillis(0)).slices;
        let shown: Vec<(&str, u64)> =
            slices.iter().map(|slice| (slice.slice.as_str(), slice.accuracy.as_ref().unwrap().drawn)).collect();
        assert_eq!(shown, [("wireless", 0), ("rest", 9), ("gone", 7)]);
        let permission = slices[0].permission.as_ref().unwrap();
        assert_eq!(
            (permission.stage.0, permission.auto_triage, permission.auto_resolve),
            (Stage::AutoTriage, 0.5, 0.0)
        );
        assert_eq!(slices[2].permission, None);
    }

    #[test]
    fn a_slice_says_how_many_of_its_tickets_are_drawn_and_whether_anybody_chose_it() {
        let board = Board::default();
        board.stage_map(Arc::new(StageMap {
            rollout_revision: 7,
            slices: [Stage::Shadow, Stage::Suggest]
                .map(|stage| SlicePermission {
                    slice: stage.to_string(),
                    stage,
                    shares: [Share::ZERO; 2],
                    grants: [None, None],
                    evidence_rate: DrawRate::try_new(0.5).unwrap(),
                })
                .to_vec(),
        }));
        let draws =
            || board.status(&health(), UtcMillis(0)).slices.into_iter().map(|slice| slice.permission.unwrap().draw);
        assert_eq!(draws().collect::<Vec<_>>(), [None, None]);
        board.draw_rates(DrawRates { evidence_shadow: EvidenceRate::Fixed(0.2), ..AUTO });
        let draw = |evidence_rate, is_auto| Some(DrawStatus { evidence_rate, is_auto, is_short: false });
        assert_eq!(draws().collect::<Vec<_>>(), [draw(0.2, false), draw(0.5, true)]);
    }

    #[test]
    fn the_greatest_rate_is_short_where_the_next_step_is_more_than_a_fortnight_away() {
        let step = |days: f64| StepStatus {
            since: None,
            advice: "gather".to_owned(),
            to_do: String::new(),
            next: Some(crate::admin::gates::NextStepStatus {
                permission: "auto_triage".to_owned(),
                rise: "stage".to_owned(),
                counted: None,
                waits_for: Vec::new(),
                expected: Some(Instant(UtcMillis((days * DAY_MS) as i64))),
                asked_by: None,
            }),
            expectation: None,
            outlook: Vec::new(),
        };
        let is_short = |evidence_rate, is_auto, days| {
            let draw = Some(DrawStatus { evidence_rate, is_auto, is_short: false });
            let (stage, auto_triage, auto_resolve) = (Word(Stage::Suggest), 0.0, 0.0);
            let mut permission = PermissionStatus { stage, auto_triage, auto_resolve, is_fixed: false, draw };
            say_if_short(&mut permission, &step(days), UtcMillis(0));
            permission.draw.unwrap().is_short
        };
        assert!(is_short(0.5, true, 14.1));
        assert!(!is_short(0.5, true, 14.0) && !is_short(0.4, true, 40.0) && !is_short(0.5, false, 40.0));
    }

    #[test]
    fn a_problem_stands_first_until_it_is_gone() {
        let board = Board::default();
        let problem = |what: &str| Problem { what: what.to_owned(), hint: "look".to_owned() };
        board.evaluated(Evaluated { problems: vec![problem("no truth")], ..Evaluated::default() });
        board.problem(problem("brokers away"));
        let whats = || -> Vec<String> {
            board.status(&health(), UtcMillis(0)).problems.into_iter().map(|problem| problem.what).collect()
        };
        assert_eq!(whats(), ["brokers away", "no truth"]);
        board.no_problem();
        assert_eq!(whats(), ["no truth"]);
    }

    #[test]
    fn the_answer_is_bounded_and_reads_back() {
        let board = Board::default();
        let slices =
            (0..1_000).map(|number| EvaluatedSlice { slice: format!("s{number}"), ..EvaluatedSlice::default() });
        board.evaluated(Evaluated { slices: slices.collect(), ..Evaluated::default() });
        let status = board.status(&health(), UtcMillis(0));
        let text = serde_json::to_string(&status).unwrap();
        assert!(text.len() < 64 * 1024, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
    }
}
