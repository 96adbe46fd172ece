//! Every metric once: name, kind, labels, help. The README's table, the dashboards' tests and the registry read this.
//!
//! Labels come from closed sets of our own words, or from the configuration (`slice`), or are bounded here
//! (`partition`). Never a ticket id, a host, a site, a customer, free text or an error string.

/// What kind of number a metric is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations at or below each of these bounds, ascending.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Full name, unit last.
    pub name: &'static str,
    /// Kind of number.
    pub kind: Kind,
    /// Label names, in the order of the label values.
    pub labels: &'static [&'static str],
    /// One sentence for people.
    pub help: &'static str,
}

/// From a record's append to its committed outcome. 10 s is the line between in time and late (the model's own deadline),
/// so it must be a bound; the last ones tell a backlog of minutes from one of hours.
const LATENCY_SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0];

/// One forward pass: a millisecond for TF-IDF to seconds for a large model on a busy CPU.
const PASS_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// One transaction: 2 ms is the good case, 30 s the default timeout.
const TRANSACTION_SECONDS: &[f64] = &[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A rebuild is given up after 60 s by default.
const REBUILD_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Batches hold at most 500 records by default.
const BATCH_TICKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Row {
    Row { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Row {
    Row { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, bounds: &'static [f64], help: &'static str) -> Row {
    Row { name, kind: Kind::Histogram(bounds), labels: &[], help }
}

pub(super) const BUILD: Row = gauge(
    "noctriage_build_info",
    &["version", "cuda"],
    "Always 1; version of the program, and whether it can use a GPU.",
);
pub(super) const RECORDS_CONSUMED: Row =
    counter("noctriage_records_consumed_total", &[], "Input records read, replays after an abort included.");
pub(super) const OUTCOMES: Row =
    counter("noctriage_outcomes_total", &["outcome"], "Committed outcomes; exactly one per input record.");
pub(super) const DECISIONS: Row = counter(
    "noctriage_decisions_total",
    &["stage", "action", "severity"],
    "Committed decisions by stage, what was done, and the severity the acting model predicted (none: no answer).",
);
pub(super) const AUTOMATIC_ACTIONS: Row =
    counter("noctriage_automatic_actions_total", &["slice", "action"], "Committed automatic actions.");
pub(super) const REVIEW_ITEMS: Row =
    counter("noctriage_review_items_total", &["reason"], "Committed review items that were opened.");
pub(super) const DEAD_LETTERS: Row =
    counter("noctriage_dead_letters_total", &["class"], "Committed dead letters: records that are no tickets.");
pub(super) const RULES_FIRED: Row =
    counter("noctriage_rules_fired_total", &["rule"], "Rules that fired in committed decisions.");
pub(super) const UNMAPPED_SEVERITY: Row = counter(
    "noctriage_unmapped_severity_total",
    &[],
    "Decided tickets whose source used a severity word that no alias maps.",
);
pub(super) const MODEL_FAULTS: Row =
    counter("noctriage_model_faults_total", &["role", "fault"], "Tickets a model gave no answer for.");
pub(super) const LATENCY: Row = histogram(
    "noctriage_decision_latency_seconds",
    LATENCY_SECONDS,
    "From the append of a record to its committed outcome. Waiting, model and commit are parts of it.",
);
pub(super) const WAIT: Row =
    histogram("noctriage_decision_wait_seconds", LATENCY_SECONDS, "From the append of a record to its first pass.");
pub(super) const MODEL: Row =
    histogram("noctriage_decision_model_seconds", LATENCY_SECONDS, "From hand-over to the engine to the answer.");
pub(super) const COMMIT: Row =
    histogram("noctriage_decision_commit_seconds", LATENCY_SECONDS, "From the answer to the committed outcome.");
pub(super) const BATCH_SECONDS: Row =
    histogram("noctriage_classify_batch_seconds", PASS_SECONDS, "One batch of the engine, all models together.");
pub(super) const BATCH_SIZE: Row =
    histogram("noctriage_classify_batch_tickets", BATCH_TICKETS, "Tickets in one batch of the engine.");
pub(super) const TRANSACTIONS: Row = counter(
    "noctriage_kafka_transactions_total",
    &["result"],
    "Transactions by how they ended; retried counts commits that were asked again.",
);
pub(super) const TRANSACTION_TIME: Row = histogram(
    "noctriage_kafka_transaction_seconds",
    TRANSACTION_SECONDS,
    "From the begin of a transaction to its commit or abort.",
);
pub(super) const LAST_COMMIT: Row = gauge(
    "noctriage_kafka_last_commit_timestamp_seconds",
    &[],
    "When the last transaction was committed; 0 before the first.",
);
pub(super) const REBALANCES: Row =
    counter("noctriage_kafka_rebalances_total", &[], "Assignments and revocations by the consumer group.");
pub(super) const REBUILDS: Row = counter(
    "noctriage_kafka_rebuilds_total",
    &[],
    "Times that the Kafka clients of triage were given up and built anew; what was not committed is read again.",
);
pub(super) const ASSIGNED_PARTITIONS: Row =
    gauge("noctriage_kafka_assigned_partitions", &[], "Input partitions this instance owns.");
pub(super) const LAG_RECORDS: Row = gauge(
    "noctriage_kafka_consumer_lag_records",
    &["partition"],
    "Offsets between the last committed one and the end; never quite 0 on a topic that is written in transactions.",
);
pub(super) const LAG_SECONDS: Row = gauge(
    "noctriage_kafka_consumer_lag_seconds",
    &["partition"],
    "Age of the oldest record that is read and has no committed outcome; 0 when there is none.",
);
pub(super) const LOST: Row = counter(
    "noctriage_committed_offset_below_log_start_total",
    &[],
    "Times a committed offset lay below the start of the log: records were deleted before they were read.",
);
pub(super) const BUFFERED: Row =
    gauge("noctriage_buffered_records", &[], "Records read and not yet handed to the engine.");
pub(super) const IN_FLIGHT: Row = gauge("noctriage_batches_in_flight", &[], "Batches that wait for a commit.");
pub(super) const VIEW_TICKETS: Row = gauge("noctriage_recent_view_tickets", &[], "Tickets the recent view remembers.");
pub(super) const VIEW_REBUILD: Row = histogram(
    "noctriage_recent_view_rebuild_seconds",
    REBUILD_SECONDS,
    "One rebuild of one partition of the recent view.",
);
pub(super) const VIEW_PARTIAL: Row = counter(
    "noctriage_recent_view_partial_rebuilds_total",
    &[],
    "Rebuilds that ran out of time: nothing of that partition is automatic.",
);
pub(super) const STAGE: Row =
    gauge("noctriage_rollout_stage", &["slice", "stage"], "1 for the stage in force of each slice, 0 for the others.");
pub(super) const SHARE: Row = gauge(
    "noctriage_rollout_share_ratio",
    &["slice", "action"],
    "Share of tickets in force per automatic action; 0 below the stage that allows it.",
);
pub(super) const DRAW_RATE: Row = gauge(
    "noctriage_evidence_draw_rate_ratio",
    &["slice", "chosen_by"],
    "Share of tickets drawn as evidence in force here, by who chose it: configuration, leader, or nobody (auto, and no leader has written anything: the least).",
);
pub(super) const LEASE_LEFT: Row = gauge(
    "noctriage_lease_left_seconds",
    &[],
    "What is left of the lease under which automatic actions are allowed; 0: none. Absent while stages are fixed.",
);
pub(super) const HALTS: Row = gauge(
    "noctriage_halts",
    &["by"],
    "Halts in force: of all slices (all), of single ones (slice), by halt file, by socket; unknown is 1 until control is read.",
);
pub(super) const REVISION: Row = gauge(
    "noctriage_rollout_revision",
    &[],
    "Revision of the stage map in force; 0 while stages are fixed, and until the first one is read.",
);
pub(super) const APPROVAL_ENDS: Row = gauge(
    "noctriage_rollout_approval_ends_timestamp_seconds",
    &["slice"],
    "Until when a person approves what is automatic; 0: nobody does, and nothing is. Absent where the stage allows nothing automatic.",
);
pub(super) const RELOAD_OK: Row = gauge(
    "noctriage_config_last_reload_successful",
    &[],
    "1 if the last reload (or the start) was accepted, 0 if it was refused and the old configuration is still in force.",
);
pub(super) const RELOAD_TIME: Row =
    gauge("noctriage_config_last_reload_success_timestamp_seconds", &[], "When a configuration was last accepted.");
pub(super) const CONFIG: Row =
    gauge("noctriage_config_info", &["digest"], "Always 1; digest of the configuration in force.");
pub(super) const MODELS: Row =
    gauge("noctriage_model_info", &["role", "name", "version", "digest"], "Always 1; the models in use.");
pub(super) const WATCHDOG: Row = counter("noctriage_watchdog_pings_total", &[], "Signs of life sent to systemd.");
pub(super) const READY: Row = gauge("noctriage_ready", &[], "1 if the daemon can take tickets: the answer of /readyz.");
pub(super) const NOTIFICATIONS: Row = counter(
    "noctriage_notifications_total",
    &["result"],
    "Notices to notify.url: taken by the receiver, refused or not answered at any attempt, dropped from a full queue.",
);

pub(super) const LEADING: Row =
    gauge("noctriage_leading", &[], "1 on the instance that shows what evidence amounts to, 0 on the others.");
pub(super) const LIVE_RIGHT: Row = gauge(
    "noctriage_live_accuracy_right_tickets",
    &["slice", "answerer"],
    "Drawn tickets of the window whose severity the answerer gave as people did; shown by the leader alone.",
);
pub(super) const LIVE_OF: Row = gauge(
    "noctriage_live_accuracy_judged_tickets",
    &["slice", "answerer"],
    "Drawn tickets of the window with a final severity that the answerer was asked about; shown by the leader alone.",
);
pub(super) const EVIDENCE_TICKETS: Row = gauge(
    "noctriage_evidence_tickets",
    &["slice", "state"],
    "Drawn tickets of the window by what became of them; shown by the leader alone.",
);
pub(super) const VERDICTS: Row = gauge(
    "noctriage_verdicts",
    &["standing"],
    "Verdicts of the window by what became of them (ours: our own writes that came back); shown by the leader alone.",
);
pub(super) const VERDICT_LAST: Row = gauge(
    "noctriage_verdict_last_timestamp_seconds",
    &[],
    "When anybody last stated anything; 0 for never, and where another instance leads.",
);
pub(super) const VERDICTS_SILENT: Row = gauge(
    "noctriage_verdicts_silent",
    &[],
    "1 while nobody has stated anything for three times as long as is usual; 0 where another instance leads.",
);
pub(super) const EVIDENCE_BEHIND: Row = gauge(
    "noctriage_evidence_behind_seconds",
    &["topic"],
    "For how long something may have lain unread in a topic of evidence; absent until it was read to its end once.",
);
pub(super) const EVIDENCE_UNREADABLE: Row = gauge(
    "noctriage_evidence_unreadable_records",
    &[],
    "Records of evidence, appended in the last 24 hours, that are neither verdict nor event, or decisions of a newer version.",
);
pub(super) const EVIDENCE_FAULTS: Row = counter(
    "noctriage_evidence_faults_total",
    &[],
    "Times that brokers did not answer for evidence, or that its clients were built anew; triage is not touched by it.",
);

const ALL: [Row; 54] = [
    BUILD,
    READY,
    RECORDS_CONSUMED,
    OUTCOMES,
    DECISIONS,
    AUTOMATIC_ACTIONS,
    REVIEW_ITEMS,
    DEAD_LETTERS,
    RULES_FIRED,
    UNMAPPED_SEVERITY,
    MODEL_FAULTS,
    LATENCY,
    WAIT,
    MODEL,
    COMMIT,
    BATCH_SECONDS,
    BATCH_SIZE,
    TRANSACTIONS,
    TRANSACTION_TIME,
    LAST_COMMIT,
    REBALANCES,
    REBUILDS,
    ASSIGNED_PARTITIONS,
    LAG_RECORDS,
    LAG_SECONDS,
    LOST,
    BUFFERED,
    IN_FLIGHT,
    VIEW_TICKETS,
    VIEW_REBUILD,
    VIEW_PARTIAL,
    STAGE,
    SHARE,
    DRAW_RATE,
    LEASE_LEFT,
    HALTS,
    APPROVAL_ENDS,
    REVISION,
    RELOAD_OK,
    RELOAD_TIME,
    CONFIG,
    MODELS,
    WATCHDOG,
    NOTIFICATIONS,
    LEADING,
    LIVE_RIGHT,
    LIVE_OF,
    EVIDENCE_TICKETS,
    VERDICTS,
    VERDICT_LAST,
    VERDICTS_SILENT,
    EVIDENCE_BEHIND,
    EVIDENCE_UNREADABLE,
    EVIDENCE_FAULTS,
];

/// All metrics of our own, in the order in which they are documented. The `process_*` metrics come beside them.
pub const fn rows() -> &'static [Row] {
    &ALL
}

/// The same as a table in Markdown, for the README.
pub fn table() -> String {
    let row = |row: &Row| {
        let kind = match row.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {kind} | {} | {} |\n", row.name, labels.join(", "), row.help)
    };
    let head = "| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    rows().iter().fold(head, |table, next| table + &row(next))
}
