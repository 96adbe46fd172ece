//! All metrics in one struct: what the daemon calls is a verb, what Prometheus reads is in the [`catalogue`].
//!
//! Absent on purpose: label literals anywhere else in the program, and any label that grows with tickets. Every child of
//! a closed label set exists from the start with the value 0, so that `rate()` sees the first event.

pub mod catalogue;
mod evidence;
mod rollout;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::domain::digest::Digest;
use crate::domain::prediction::{ModelIdentity, ModelRole, TicketFault};
use crate::domain::severity::Severity;
use crate::domain::stage::{AutoAction, Stage};
use crate::domain::time::UtcMillis;
use crate::policy::decided::{ActionKind, Decided, Outcome, ReviewReason, ReviewState, Rule};
use crate::policy::ruling::{DrawRates, StageMap};
use crate::rollout::log::EvidenceTopic;
use crate::wire::intake::DeadLetterClass;

use evidence::EvidenceMetrics;
use rollout::RolloutMetrics;

pub use catalogue::{Kind, Row, rows};
pub use evidence::{AnswererLabel, DrawnState, EVIDENCE_SLICES_MAX, EvidenceShown, SliceShown};
pub use rollout::{HaltedBy, RateChosenBy, RolloutShown};

/// Slices with series of their own, over the life of the process (a counter cannot be taken back); what is done in later
/// ones is counted under `other`. A slice costs eight series: 64 are a quarter of the budget of 2,000 per instance.
pub const SLICES_MAX: usize = 64;

/// Partitions with series of their own, two each; later ones share `other`, which shows the worst of them.
pub const PARTITIONS_MAX: usize = 128;

/// Stands for what has no series of its own.
const OTHER: &str = "other";
/// Stands for the severity of a decision without an answer.
const NO_SEVERITY: &str = "none";

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionResult {
    /// Its outcomes are visible.
    Committed,
    /// Nothing of it is visible; the records are read again.
    Aborted,
    /// A commit that had to be asked again; it is counted once more when it ends.
    Retried,
    /// The clients must be built anew.
    Fatal,
}

impl TransactionResult {
    /// All results.
    pub const ALL: [Self; 4] = [Self::Committed, Self::Aborted, Self::Retried, Self::Fatal];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Retried => "retried",
            Self::Fatal => "fatal",
        }
    }
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationResult {
    /// The receiver took it.
    Sent,
    /// The receiver refused it, or was away at every attempt.
    Failed,
    /// The queue was full.
    Dropped,
}

impl NotificationResult {
    /// All results.
    pub const ALL: [Self; 3] = [Self::Sent, Self::Failed, Self::Dropped];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Where the time of one record went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyParts {
    /// From the append to the committed outcome. Other machines stamped the append: below 0 counts as 0.
    pub total_ms: i64,
    /// From the append to the hand-over to the engine; below 0 counts as 0.
    pub wait_ms: i64,
    /// From the hand-over to the answer; `None` for a record that no model was asked about.
    pub model_ms: Option<i64>,
    /// From the answer to the committed outcome.
    pub commit_ms: i64,
}

/// How far one partition is behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Input partition.
    pub partition: i32,
    /// Offsets between the last committed one and the end.
    pub records: i64,
    /// Age of the oldest record without a committed outcome, in seconds.
    pub seconds: f64,
}

/// Every metric of the process. Shared behind an `Arc`; all verbs take `&self`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    records_consumed: IntCounter,
    outcomes: IntCounterVec,
    decisions: IntCounterVec,
    automatic_actions: IntCounterVec,
    review_items: IntCounterVec,
    dead_letters: IntCounterVec,
    rules_fired: IntCounterVec,
    unmapped_severity: IntCounter,
    model_faults: IntCounterVec,
    latency: Histogram,
    wait: Histogram,
    model: Histogram,
    commit: Histogram,
    batch_seconds: Histogram,
    batch_size: Histogram,
    transactions: IntCounterVec,
    transaction_time: Histogram,
    last_commit: Gauge,
    rebalances: IntCounter,
    rebuilds: IntCounter,
    assigned_partitions: IntGauge,
    lag_records: IntGaugeVec,
    lag_seconds: GaugeVec,
    lost: IntCounter,
    buffered: IntGauge,
    in_flight: IntGauge,
    view_tickets: IntGauge,
    view_rebuild: Histogram,
    view_partial: IntCounter,
    stage: IntGaugeVec,
    share: GaugeVec,
    draw_rate: GaugeVec,
    reload_ok: IntGauge,
    reload_time: Gauge,
    config: IntGaugeVec,
    models: IntGaugeVec,
    watchdog: IntCounter,
    notifications: IntCounterVec,
    ready: IntGauge,
    evidence: EvidenceMetrics,
    rollout: RolloutMetrics,
    slices: Mutex<BTreeSet<String>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics at 0, on a registry of their own, beside those of the process.
    pub fn new() -> Self {
        let registry = Registry::new();
        register(&registry, ProcessCollector::for_self());
        let build = gauge_vec(&registry, &catalogue::BUILD);
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), if cfg!(feature = "cuda") { "yes" } else { "no" }]).set(1);
        let metrics = Self {
            records_consumed: counter(&registry, &catalogue::RECORDS_CONSUMED),
            outcomes: counter_vec(&registry, &catalogue::OUTCOMES),
            decisions: counter_vec(&registry, &catalogue::DECISIONS),
            automatic_actions: counter_vec(&registry, &catalogue::AUTOMATIC_ACTIONS),
            review_items: counter_vec(&registry, &catalogue::REVIEW_ITEMS),
            dead_letters: counter_vec(&registry, &catalogue::DEAD_LETTERS),
            rules_fired: counter_vec(&registry, &catalogue::RULES_FIRED),
            unmapped_severity: counter(&registry, &catalogue::UNMAPPED_SEVERITY),
            model_faults: counter_vec(&registry, &catalogue::MODEL_FAULTS),
            latency: histogram(&registry, &catalogue::LATENCY),
            wait: histogram(&registry, &catalogue::WAIT),
            model: histogram(&registry, &catalogue::MODEL),
            commit: histogram(&registry, &catalogue::COMMIT),
            batch_seconds: histogram(&registry, &catalogue::BATCH_SECONDS),
            batch_size: histogram(&registry, &catalogue::BATCH_SIZE),
            transactions: counter_vec(&registry, &catalogue::TRANSACTIONS),
            transaction_time: histogram(&registry, &catalogue::TRANSACTION_TIME),
            last_commit: float_gauge(&registry, &catalogue::LAST_COMMIT),
            rebalances: counter(&registry, &catalogue::REBALANCES),
            rebuilds: counter(&registry, &catalogue::REBUILDS),
            assigned_partitions: gauge(&registry, &catalogue::ASSIGNED_PARTITIONS),
            lag_records: gauge_vec(&registry, &catalogue::LAG_RECORDS),
            lag_seconds: float_gauge_vec(&registry, &catalogue::LAG_SECONDS),
            lost: counter(&registry, &catalogue::LOST),
            buffered: gauge(&registry, &catalogue::BUFFERED),
            in_flight: gauge(&registry, &catalogue::IN_FLIGHT),
            view_tickets: gauge(&registry, &catalogue::VIEW_TICKETS),
            view_rebuild: histogram(&registry, &catalogue::VIEW_REBUILD),
            view_partial: counter(&registry, &catalogue::VIEW_PARTIAL),
            stage: gauge_vec(&registry, &catalogue::STAGE),
            share: float_gauge_vec(&registry, &catalogue::SHARE),
            draw_rate: float_gauge_vec(&registry, &catalogue::DRAW_RATE),
            reload_ok: gauge(&registry, &catalogue::RELOAD_OK),
            reload_time: float_gauge(&registry, &catalogue::RELOAD_TIME),
            config: gauge_vec(&registry, &catalogue::CONFIG),
            models: gauge_vec(&registry, &catalogue::MODELS),
            watchdog: counter(&registry, &catalogue::WATCHDOG),
            ready: gauge(&registry, &catalogue::READY),
            notifications: counter_vec(&registry, &catalogue::NOTIFICATIONS),
            evidence: EvidenceMetrics::new(&registry),
            rollout: RolloutMetrics::new(&registry),
            slices: Mutex::new(BTreeSet::new()),
            registry,
        };
        metrics.show_closed_sets_at_zero();
        metrics
    }

    fn show_closed_sets_at_zero(&self) {
        for outcome in Outcome::ALL {
            self.outcomes.with_label_values(&[outcome.as_str()]);
        }
        for stage in Stage::ALL {
            for action in ActionKind::ALL {
                for severity in Severity::ALL.map(Severity::as_str).into_iter().chain([NO_SEVERITY]) {
                    self.decisions.with_label_values(&[stage.as_str(), action.as_str(), severity]);
                }
            }
        }
        for reason in ReviewReason::ALL {
            self.review_items.with_label_values(&[reason.as_str()]);
        }
        for class in DeadLetterClass::ALL {
            self.dead_letters.with_label_values(&[class.as_str()]);
        }
        for rule in Rule::ALL {
            self.rules_fired.with_label_values(&[rule.as_str()]);
        }
        for role in ModelRole::ALL {
            for fault in TicketFault::WORDS {
                self.model_faults.with_label_values(&[role.as_str(), fault]);
            }
        }
        for result in NotificationResult::ALL {
            self.notifications.with_label_values(&[result.as_str()]);
        }
        for result in TransactionResult::ALL {
            self.transactions.with_label_values(&[result.as_str()]);
        }
    }

    /// Input records were read.
    pub fn records_consumed(&self, records: u64) {
        self.records_consumed.inc_by(records);
    }

    /// An outcome was committed: counts it, its decision, its rules, its review item and its automatic action.
    /// `predicted` is the severity the acting model gave. Call it after the commit, never before.
    pub fn committed(&self, decided: &Decided, predicted: Option<Severity>) {
        self.outcome(decided.outcome);
        match decided.outcome {
            Outcome::Decided => self.decision(decided.stage, decided.action, predicted),
            Outcome::Unchanged | Outcome::Duplicate | Outcome::NotDrawn | Outcome::Terminal | Outcome::DeadLetter => {}
        }
        for rule in &decided.rules {
            self.rule_fired(*rule);
        }
        if let Some(review) = &decided.review {
            match review.state {
                ReviewState::Open => self.review_opened(review.reason),
                ReviewState::Withdrawn => {}
            }
        }
        if let Some(command) = &decided.command {
            self.automatic_action(&decided.slice, command.permit().action());
        }
    }

    /// An outcome was committed.
    pub fn outcome(&self, outcome: Outcome) {
        self.outcomes.with_label_values(&[outcome.as_str()]).inc();
    }

    /// A full decision was committed.
    pub fn decision(&self, stage: Stage, action: ActionKind, predicted: Option<Severity>) {
        let severity = predicted.map_or(NO_SEVERITY, Severity::as_str);
        self.decisions.with_label_values(&[stage.as_str(), action.as_str(), severity]).inc();
    }

    /// An automatic action was committed.
    pub fn automatic_action(&self, slice: &str, action: AutoAction) {
        let known = self.slices.lock().unwrap_or_else(PoisonError::into_inner).contains(slice);
        let slice = if known { slice } else { OTHER };
        self.automatic_actions.with_label_values(&[slice, action.as_str()]).inc();
    }

    /// A review item was opened.
    pub fn review_opened(&self, reason: ReviewReason) {
        self.review_items.with_label_values(&[reason.as_str()]).inc();
    }

    /// A dead letter was committed.
    pub fn dead_letter(&self, class: DeadLetterClass) {
        self.dead_letters.with_label_values(&[class.as_str()]).inc();
    }

    /// A rule fired in a committed decision.
    pub fn rule_fired(&self, rule: Rule) {
        self.rules_fired.with_label_values(&[rule.as_str()]).inc();
        if rule == Rule::SourceUnmapped {
            self.unmapped_severity.inc();
        }
    }

    /// A model gave no answer for one ticket.
    pub fn model_fault(&self, role: ModelRole, fault: &TicketFault) {
        self.model_faults.with_label_values(&[role.as_str(), fault.as_str()]).inc();
    }

    /// Where the time of one committed record went.
    pub fn latency(&self, parts: LatencyParts) {
        let LatencyParts { total_ms, wait_ms, model_ms, commit_ms } = parts;
        let seconds = |ms: i64| ms.max(0) as f64 / 1000.0;
        self.latency.observe(seconds(total_ms));
        self.wait.observe(seconds(wait_ms));
        if let Some(model_ms) = model_ms {
            self.model.observe(seconds(model_ms));
        }
        self.commit.observe(seconds(commit_ms));
    }

    /// The engine finished a batch.
    pub fn batch_classified(&self, tickets: usize, took: Duration) {
        self.batch_size.observe(tickets as f64);
        self.batch_seconds.observe(took.as_secs_f64());
    }

    /// A transaction ended, or a commit was asked again. `now` is operating time.
    pub fn transaction(&self, result: TransactionResult, took: Duration, now: UtcMillis) {
        self.transactions.with_label_values(&[result.as_str()]).inc();
        match result {
            TransactionResult::Committed => {
                self.transaction_time.observe(took.as_secs_f64());
                self.last_commit.set(now.0 as f64 / 1000.0);
            }
            TransactionResult::Aborted => self.transaction_time.observe(took.as_secs_f64()),
            TransactionResult::Retried | TransactionResult::Fatal => {}
        }
    }

    /// The group gave or took partitions; `owned` are left. The lag of those that went goes with them.
    pub fn rebalanced(&self, owned: usize) {
        self.rebalances.inc();
        self.set_owned(owned);
    }

    /// The clients are given up, and with them every partition, and are to be built anew.
    pub fn rebuilt(&self) {
        self.rebuilds.inc();
        self.set_owned(0);
    }

    fn set_owned(&self, owned: usize) {
        self.assigned_partitions.set(owned as i64);
        self.lag_records.reset();
        self.lag_seconds.reset();
    }

    /// How far every owned partition is behind. Replaces what was said before.
    pub fn lags(&self, lags: &[Lag]) {
        let mut others: Option<Lag> = None;
        for (index, lag) in lags.iter().enumerate() {
            if index < PARTITIONS_MAX {
                self.lag(&lag.partition.to_string(), lag);
            } else {
                let worst = others.get_or_insert(*lag);
                worst.records = worst.records.max(lag.records);
                worst.seconds = worst.seconds.max(lag.seconds);
            }
        }
        if let Some(worst) = others {
            self.lag(OTHER, &worst);
        }
    }

    fn lag(&self, partition: &str, lag: &Lag) {
        self.lag_records.with_label_values(&[partition]).set(lag.records);
        self.lag_seconds.with_label_values(&[partition]).set(lag.seconds.max(0.0));
    }

    /// The log starts beyond what was read: so many records were deleted before they were triaged.
    pub fn records_lost(&self, records: u64) {
        self.lost.inc_by(records);
    }

    /// How much is under way.
    pub fn under_way(&self, buffered_records: usize, batches_in_flight: usize) {
        self.buffered.set(buffered_records as i64);
        self.in_flight.set(batches_in_flight as i64);
    }

    /// Whether triage works off a backlog, when [`Self::under_way`] was last called: a second batch is under way only where
    /// there are tickets for it before the first has its outcomes.
    pub fn has_backlog(&self) -> bool {
        self.in_flight.get() > 1
    }

    /// How many tickets the recent view remembers.
    pub fn view_size(&self, tickets: usize) {
        self.view_tickets.set(tickets as i64);
    }

    /// A partition of the recent view was rebuilt to its whole length.
    pub fn view_rebuilt(&self, took: Duration) {
        self.view_rebuild.observe(took.as_secs_f64());
    }

    /// A rebuild of the recent view ran out of time.
    pub fn view_left_partial(&self, took: Duration) {
        self.view_rebuild.observe(took.as_secs_f64());
        self.view_partial.inc();
    }

    /// The stage map in force. Slices that are gone lose their gauges; their counters stay, as counters must.
    pub fn stage_map(&self, map: &StageMap, rates: &DrawRates) {
        self.stage.reset();
        self.share.reset();
        self.draw_rate.reset();
        let mut slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in &map.slices {
            if !slices.contains(&entry.slice) {
                if slices.len() == SLICES_MAX {
                    continue;
                }
                slices.insert(entry.slice.clone());
            }
            for stage in Stage::ALL {
                self.stage
                    .with_label_values(&[entry.slice.as_str(), stage.as_str()])
                    .set(i64::from(stage == entry.stage));
            }
            for action in AutoAction::ALL {
                let labels = [entry.slice.as_str(), action.as_str()];
                let allowed = entry.stage >= action.stage_needed();
                let share = if allowed { entry.shares[action.index()].get() } else { 0.0 };
                self.share.with_label_values(&labels).set(share);
                self.automatic_actions.with_label_values(&labels);
            }
            let rate = rates.evidence(entry.stage);
            let chosen_by = RateChosenBy::of(rate, map.rollout_revision);
            let labels = [entry.slice.as_str(), chosen_by.as_str()];
            self.draw_rate.with_label_values(&labels).set(rate.in_force(entry.evidence_rate));
        }
    }

    /// A notice was posted, or not.
    pub fn notified(&self, result: NotificationResult) {
        self.notifications.with_label_values(&[result.as_str()]).inc();
    }

    /// A configuration was accepted, at the start or by a reload. `now` is operating time.
    pub fn config_accepted(&self, digest: &Digest, now: UtcMillis) {
        self.reload_ok.set(1);
        self.reload_time.set(now.0 as f64 / 1000.0);
        self.config.reset();
        self.config.with_label_values(&[digest.short().as_str()]).set(1);
    }

    /// A reload was refused; the old configuration is still in force.
    pub fn config_refused(&self) {
        self.reload_ok.set(0);
    }

    /// The models in use. Replaces what was said before.
    pub fn models(&self, models: &[(ModelRole, &ModelIdentity)]) {
        self.models.reset();
        for (role, model) in models {
            let digest = model.digest.short();
            let labels = [role.as_str(), model.name.as_str(), model.version.as_str(), digest.as_str()];
            self.models.with_label_values(&labels).set(1);
        }
    }

    /// A sign of life was sent to systemd.
    pub fn watchdog_pinged(&self) {
        self.watchdog.inc();
    }

    /// Lease, halts and revision at this moment.
    pub fn rollout(&self, shown: &RolloutShown) {
        self.rollout.stands(shown);
    }

    /// What evidence amounts to, said by the instance that leads.
    pub fn evidence(&self, shown: &EvidenceShown<'_>) {
        self.evidence.leads(shown);
    }

    /// Another instance leads.
    pub fn not_leading(&self) {
        self.evidence.not_leading();
    }

    /// How far each topic of evidence is behind, in milliseconds (`None`: not read to an end yet), and how many records
    /// of the last 24 hours could not be read. Replaces what was said before.
    pub fn evidence_read(&self, behind_ms: &[(EvidenceTopic, Option<i64>)], unreadable_24h: u64) {
        self.evidence.reading(behind_ms, unreadable_24h);
    }

    /// Brokers did not answer for evidence, or its clients are built anew.
    pub fn evidence_fault(&self) {
        self.evidence.fault();
    }

    /// Whether the daemon can take tickets.
    pub fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Everything, in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("writing to memory does not fail, and the names were checked at registration");
        String::from_utf8(text).expect("names, labels and numbers are text")
    }

    /// How many series there are now, buckets included.
    pub fn series(&self) -> usize {
        self.render().lines().filter(|line| !line.starts_with('#')).count()
    }
}

const VALID: &str = "the catalogue holds valid and distinct names; a test builds all of it";

fn register<C: Collector + 'static>(registry: &Registry, collector: C) {
    registry.register(Box::new(collector)).expect(VALID);
}

fn keep<C: Collector + Clone + 'static>(registry: &Registry, collector: prometheus::Result<C>) -> C {
    let collector = collector.expect(VALID);
    register(registry, collector.clone());
    collector
}

fn counter(registry: &Registry, row: &Row) -> IntCounter {
    keep(registry, IntCounter::new(row.name, row.help))
}

fn counter_vec(registry: &Registry, row: &Row) -> IntCounterVec {
    keep(registry, IntCounterVec::new(Opts::new(row.name, row.help), row.labels))
}

fn gauge(registry: &Registry, row: &Row) -> IntGauge {
    keep(registry, IntGauge::new(row.name, row.help))
}

fn gauge_vec(registry: &Registry, row: &Row) -> IntGaugeVec {
    keep(registry, IntGaugeVec::new(Opts::new(row.name, row.help), row.labels))
}

fn float_gauge(registry: &Registry, row: &Row) -> Gauge {
    keep(registry, Gauge::new(row.name, row.help))
}

fn float_gauge_vec(registry: &Registry, row: &Row) -> GaugeVec {
    keep(registry, GaugeVec::new(Opts::new(row.name, row.help), row.labels))
}

fn histogram(registry: &Registry, row: &Row) -> Histogram {
    let bounds = match row.kind {
        Kind::Histogram(bounds) => bounds.to_vec(),
        Kind::Counter | Kind::Gauge => Vec::new(),
    };
    keep(registry, Histogram::with_opts(HistogramOpts::new(row.name, row.help).buckets(bounds)))
}

#[cfg(test)]
mod tests;
