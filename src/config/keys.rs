//! The table of all configuration keys, in the order of `config/reference.toml`, which is generated from it.
//!
//! To add a key: one row here, one read in `build/`. A test fails when either is missing.

use super::key::Clock::{self, Desk, None as NoClock, Operating};
use super::key::Kind::{
    self, Flag, Integer, KafkaName, Number, NumberOr, Path, Paths, Probabilities, Probability, SecretFile, Text, Texts,
    Word, Words,
};
use super::key::ReloadClass::{self, Live, Restart};
use super::key::{Key, ReferenceRow};

/// Greatest share of tickets that is ever acted on; equals [`crate::domain::stage::Share::MAX`].
const SHARE_MAX: f64 = crate::domain::stage::Share::MAX;

const COMPRESSIONS: &[&str] = &["none", "lz4", "zstd"];
const PROTOCOLS: &[&str] = &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const MECHANISMS: &[&str] = &["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"];
const PRESETS: &[&str] = &["native", "servicenow", "alertmanager", "mapping"];
const KINDS: &[&str] = &["incident", "request", "change", "maintenance", "other"];
const CHANNELS: &[&str] = &["phone", "email", "portal", "monitoring", "peer", "other"];
/// The days of the week, from Monday on.
pub(super) const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const STAGES: &[&str] = &["shadow", "suggest", "auto_triage", "auto_resolve"];
const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "unknown", "cleared"];
const STATUSES: &[&str] = &["new", "in_progress", "on_hold", "resolved", "closed", "cancelled"];
const LEVELS: &[&str] = &["high", "medium", "low"];
const TRUTHS: &[&str] = &["undecided", "ticket_system", "explicit"];
const VERDICT_RULES: &[&str] = &["resolved", "closed"];
const EVENT_TOPICS: &[&str] = &["tickets", "verdicts"];
const ROLLOUT_MODES: &[&str] = &["fixed", "earned"];
const ON_BREACH: &[&str] = &["step_back", "observe"];
const RATING_SCALES: &[&str] = &["helpful3/v1", "likert5/v1"];

const fn key(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    unit: &'static str,
    clock: Clock,
    reload: ReloadClass,
    meaning: &'static str,
) -> Key {
    Key { name, kind, default: Some(default), unit, clock, reload, meaning }
}

/// A key of a row, or a free name: it has no default.
const fn part(name: &'static str, kind: Kind, unit: &'static str, reload: ReloadClass, meaning: &'static str) -> Key {
    Key { name, kind, default: None, unit, clock: NoClock, reload, meaning }
}

/// All keys.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("draw_key_file", SecretFile, r#""draw.key""#, "", NoClock, Restart,
        "Secret key of the draws: 32 hexadecimal digits, mode 0600, the same on every instance. `noctriage init` makes it; `run` refuses to start without it."),
    key("taxonomy_file", Path, r#""""#, "", NoClock, Restart,
        "Closed list of root causes and severity words of the site. Empty: the built-in list (config/taxonomy.toml)."),

    key("kafka.brokers", Text, r#""localhost:9092""#, "", NoClock, Restart,
        "Bootstrap list: host:port, separated by commas."),
    key("kafka.group", KafkaName, r#""noctriage""#, "", NoClock, Restart,
        "Consumer group. The transactional id is `<group>-<instance_id>`."),
    key("kafka.instance_id", Text, r#""""#, "", NoClock, Restart,
        "Stable over restarts, unique in the group. Empty: the host name; set it when two instances share a host."),
    key("kafka.session_timeout_ms", Integer(2_000, 1_800_000), "15000", "ms", Operating, Restart,
        "Consumer session: how long a dead instance keeps its partitions."),
    key("kafka.transaction_timeout_ms", Integer(3_000, 900_000), "30000", "ms", Operating, Restart,
        "Longest transaction: how long a dead instance may hold back readers. At most the broker's transaction.max.timeout.ms."),
    key("kafka.request_timeout_ms", Integer(1_000, 300_000), "30000", "ms", Operating, Restart,
        "Any single blocking request to a broker."),
    key("kafka.compression", Word(COMPRESSIONS), r#""zstd""#, "", NoClock, Restart,
        "How records are compressed on their way to the brokers and in the log."),
    key("kafka.topics.tickets", KafkaName, r#""tickets""#, "", NoClock, Restart,
        "Input topic."),
    key("kafka.topics.verdicts", KafkaName, r#""verdicts""#, "", NoClock, Restart,
        "What people decided about tickets (noctriage.verdict/v1): written by the site, or with `verdicts add` and `import`. Keep it for at least 90 days."),
    key("kafka.topics.decisions", KafkaName, r#""noctriage.decisions""#, "", NoClock, Restart,
        "Exactly one outcome per input record; as many partitions as the input topic. Evidence: restrict who reads it."),
    key("kafka.topics.suggestions", KafkaName, r#""noctriage.suggestions""#, "", NoClock, Restart,
        "Fields and work notes to show."),
    key("kafka.topics.commands", KafkaName, r#""noctriage.commands""#, "", NoClock, Restart,
        "Automatic actions."),
    key("kafka.topics.review", KafkaName, r#""noctriage.review""#, "", NoClock, Restart,
        "What people must look at."),
    key("kafka.topics.dead_letters", KafkaName, r#""noctriage.dead-letters""#, "", NoClock, Restart,
        "Records that are no tickets. Holds ticket text: give it the input topic's access rules."),
    key("kafka.topics.control", KafkaName, r#""noctriage.control""#, "", NoClock, Restart,
        "What people ask of the rollout: halt, resume, promote, step back, switch model. One partition. Whoever may write here can stop automatic actions, or ask for more of them: restrict who may."),
    key("kafka.topics.rollout", KafkaName, r#""noctriage.rollout""#, "", NoClock, Restart,
        "Stage map and lease, written by the instance that leads. One partition, compacted."),
    key("kafka.topics.transitions", KafkaName, r#""noctriage.transitions""#, "", NoClock, Restart,
        "Audit trail: every transition with the report that justified it. One partition."),
    key("kafka.topics.command_results", KafkaName, r#""noctriage.command-results""#, "", NoClock, Restart,
        "What became of automatic actions: executed, refused, raced. Written by whoever writes to the ticket system."),
    key("kafka.security.protocol", Word(PROTOCOLS), r#""plaintext""#, "", NoClock, Restart,
        "How clients talk to brokers. Anything but plaintext on a network that others share."),
    key("kafka.security.mechanism", Word(MECHANISMS), r#""SCRAM-SHA-512""#, "", NoClock, Restart,
        "SASL mechanism; read with sasl_plaintext and sasl_ssl only."),
    key("kafka.security.username", Text, r#""""#, "", NoClock, Restart,
        "SASL user; needed with sasl_plaintext and sasl_ssl."),
    key("kafka.security.password_file", SecretFile, r#""""#, "", NoClock, Restart,
        "File with the SASL password; needed with sasl_plaintext and sasl_ssl."),
    key("kafka.security.ca_file", Path, r#""""#, "", NoClock, Restart,
        "Certificates that sign the brokers' (PEM). Empty: those of the system."),
    key("kafka.security.certificate_file", Path, r#""""#, "", NoClock, Restart,
        "Our certificate (PEM) where brokers ask for one; needs key_file."),
    key("kafka.security.key_file", SecretFile, r#""""#, "", NoClock, Restart,
        "Private key of our certificate (PEM)."),
    key("kafka.security.key_password_file", SecretFile, r#""""#, "", NoClock, Restart,
        "File with the passphrase of key_file."),
    key("kafka.create.replication", Integer(1, 32), "3", "replicas", NoClock, Restart,
        "Replication factor of topics that `topics create` makes."),
    key("kafka.create.partitions", Integer(1, 10_000), "3", "partitions", NoClock, Restart,
        "Partitions of suggestions, commands, review and dead letters; decisions mirrors the input topic."),
    key("kafka.create.decisions_retention_days", Integer(1, 36_500), "90", "days", Operating, Restart,
        "Retention of decisions. Evidence lives in it: at least 90 days wherever a stage is to be earned."),
    key("kafka.create.retention_days", Integer(1, 36_500), "30", "days", Operating, Restart,
        "Retention of the other topics."),
    key("kafka.create.control_retention_days", Integer(1, 36_500), "1825", "days", Operating, Restart,
        "Retention of control and transitions: the audit trail, and halts, which are in force until somebody resumes."),

    key("source.preset", Word(PRESETS), r#""native""#, "", NoClock, Restart,
        "Which ticket system writes the input topic; `mapping`: JSON pointers of [source.mapping]."),
    key("source.timezone", Text, r#""""#, "", NoClock, Restart,
        "IANA time zone of wall-clock times without one, for example Europe/Zurich. Empty: records with such times become dead letters that say so."),
    key("source.own_user", Text, r#""""#, "", NoClock, Restart,
        "The user that noctriage writes as in the ticket system: what it wrote comes back and is recognised. Several names, such as a user and its display name, are separated by commas; compared without case."),
    key("source.machine_users", Texts, "[]", "", NoClock, Restart,
        "Users of monitoring and of rules in the ticket system, besides `system` with preset `servicenow`; compared without case. Anybody else is a person: what they set is a person's value, and a ticket that they edit stays with people."),
    key("source.label_keys", Texts, "[]", "", NoClock, Restart,
        "Labels of the source that are read (and may be named by slices); all others are left out."),
    key("source.record_kib_max", Integer(1, 16_384), "256", "KiB", NoClock, Restart,
        "A larger record is a dead letter and is not parsed."),
    key("source.title_bytes_max", Integer(64, 65_536), "1024", "bytes", NoClock, Restart,
        "A longer title is cut and flagged: the ticket is decided, never automatic."),
    key("source.description_bytes_max", Integer(1_024, 1_048_576), "32768", "bytes", NoClock, Restart,
        "A longer description is cut and flagged."),
    key("source.note_bytes_max", Integer(256, 262_144), "4096", "bytes", NoClock, Restart,
        "A longer note is cut and flagged."),
    key("source.nesting_max", Integer(4, 100), "32", "levels", NoClock, Restart,
        "JSON nested deeper than this is a dead letter."),
    key("source.alertmanager_id_label", Text, r#""""#, "", NoClock, Restart,
        "Preset `alertmanager`: the label that names the ticket. Empty: the id is made from the group key."),
    part("source.mapping.*", Text, "", Restart,
        "JSON Pointer of a field of noctriage.ticket/v1 in the source's record, for example title = \"/fields/summary\": all fields with preset `mapping`, overrides with the others."),
    part("source.aliases.severity.*", Word(SEVERITIES), "", Restart,
        "What a severity word of the source means; `unknown`: it says nothing; `cleared`: the fault is over. A word without a meaning is decided, never automatic."),
    part("source.aliases.status.*", Word(STATUSES), "", Restart,
        "What a status word of the source means. A word without a meaning is a dead letter."),
    part("source.aliases.kind.*", Word(KINDS), "", Restart,
        "What a kind of the source means. A word without a meaning is `other`."),
    part("source.aliases.channel.*", Word(CHANNELS), "", Restart,
        "What a channel of the source means. A word without a meaning is `other`."),
    part("source.aliases.level.*", Word(LEVELS), "", Restart,
        "What an impact or urgency word of the source means. A word without a meaning is a dead letter."),

    key("model.directory", Path, r#""""#, "", NoClock, Restart,
        "Directory of the acting model: a Hugging Face directory with its card (`noctriage model init`). Required."),
    key("model.root_cause_directory", Path, r#""""#, "", NoClock, Restart,
        "Directory of its root-cause sibling, where severity and root cause come from two."),
    key("model.baseline", Path, r#""""#, "", NoClock, Restart,
        "Directory of the TF-IDF baseline. Empty: the directory `tfidf` beside the acting model's."),
    key("model.candidates", Paths, "[]", "", NoClock, Restart,
        "Directories of candidates: they predict the evidence draw and show nothing. At most 4."),
    key("model.device", Text, r#""auto""#, "", NoClock, Restart,
        "auto, cpu, cuda or cuda:N. auto: the GPU in a cuda build on a host with one, else the CPU."),
    key("model.threads", Integer(0, 1_024), "0", "threads", NoClock, Restart,
        "Threads of the engine; 0: one less than cores."),
    key("model.batch_tokens_max", Integer(128, 1_048_576), "4096", "tokens", NoClock, Restart,
        "Most tokens in one forward pass. More needs more memory and answers later."),
    key("model.deadline_ms", Integer(100, 600_000), "10000", "ms", Operating, Restart,
        "From hand-over to the engine until people get the ticket without a prediction."),

    key("policy.threshold", Probability, "0.95", "confidence", NoClock, Live,
        "Confidence needed for automatic action in the slice `rest`; one of threshold_grid."),
    key("policy.threshold_grid", Probabilities, "[0.80, 0.85, 0.90, 0.95, 0.975, 0.99]", "confidence", NoClock, Live,
        "Thresholds at which eligibility is recorded, ascending. Declare it once: evidence is gathered per entry."),
    key("policy.critical_cut_off", Probability, "0.05", "P(critical)", NoClock, Live,
        "P(critical) at or above this always sends the ticket to a person."),
    key("policy.high_cap", Probability, "0.10", "P(high)", NoClock, Live,
        "P(high) at or above this forbids automatic action."),
    key("policy.unsure_below", Probability, "0.50", "confidence", NoClock, Live,
        "In suggest: confidence below this goes to review as unsure."),
    key("policy.suggest_as", Word(&["field", "note", "both"]), r#""note""#, "", NoClock, Live,
        "How a suggestion is written: into fields, as a work note, or both."),
    key("policy.max_age_s", Integer(1, 604_800), "3600", "s", Operating, Live,
        "A ticket event older than this is never automatic."),
    key("policy.command_ttl_s", Integer(1, 86_400), "300", "s", Operating, Live,
        "How long a command may wait before it is void."),
    key("policy.caps.actions_per_hour", Integer(0, 100_000), "20", "actions", Desk, Live,
        "Automatic actions in an hour, per slice and action. May be overshot by one batch per other instance."),
    key("policy.caps.arrivals_share", Probability, "0.30", "share", Desk, Live,
        "Automatic actions as a share of the tickets that arrived in the last hour."),
    key("policy.storm.tickets", Integer(1, 100_000), "5", "tickets", NoClock, Live,
        "More tickets of one fingerprint than this within the window are a storm: none of them is automatic."),
    key("policy.storm.window_minutes", Integer(1, 1_440), "30", "minutes", Desk, Live,
        "Window in which a storm is counted."),
    key("policy.allow.kinds", Words(KINDS), r#"["incident"]"#, "", NoClock, Live,
        "Kinds of tickets that may be acted on; only incident and maintenance make sense."),
    key("policy.allow.triage_categories", Texts, r#"["*"]"#, "", NoClock, Live,
        "Categories that may be triaged automatically; [\"*\"]: every category; []: none."),
    key("policy.allow.resolve_categories", Texts, "[]", "", NoClock, Live,
        "Categories that may be resolved automatically; []: none."),
    key("policy.allow.resolve_causes", Texts, "[]", "", NoClock, Live,
        "Root causes (codes of the taxonomy) that may be resolved automatically; []: none."),
    key("policy.protected.hosts", Texts, "[]", "", NoClock, Live,
        "Devices that are never acted on; a last * matches any rest."),
    key("policy.protected.customer_tiers", Texts, "[]", "", NoClock, Live,
        "Customer tiers that are never acted on."),
    key("policy.protected.circuits", Texts, "[]", "", NoClock, Live,
        "Circuits that are never acted on."),
    key("policy.protected.sites", Texts, "[]", "", NoClock, Live,
        "Sites that are never acted on."),
    key("policy.guards.danger_words", Texts, "[]", "", NoClock, Live,
        "Words of danger beside the built-in ones: a ticket that holds one goes to people."),
    key("policy.guards.machine_phrases", Texts, "[]", "", NoClock, Live,
        "Sentences addressed to a machine beside the built-in ones: a ticket that holds one goes to people."),
    key("policy.draws.evidence_shadow", NumberOr(0.01, 1.0, "auto"), r#""auto""#, "share", NoClock, Live,
        "Share of tickets drawn as blind evidence in shadow; never depends on content. auto: with rollout.mode `earned` the smallest between 0.1 and 1 that fills the gates of the next step in 14 days, chosen once a day by the instance that leads, for each slice, 0.1 for the first day; with `fixed` 0.1."),
    key("policy.draws.evidence_later", NumberOr(0.01, 0.5, "auto"), r#""auto""#, "share", NoClock, Live,
        "The same in later stages, where drawn tickets get no suggestion and no automatic action; auto: between 0.1 and 0.5."),
    key("policy.draws.audit", Number(0.1, 1.0), "0.50", "share", NoClock, Live,
        "Share of automatic actions that people look at afterwards."),
    key("policy.draws.second_reading", Probability, "0.10", "share", NoClock, Live,
        "Share of the evidence draw that two people read."),
    key("policy.draws.epoch", Integer(0, 4_294_967_295), "0", "", NoClock, Restart,
        "Raise it only to draw afresh: every ticket's draws change."),
    part("policy.queues[].category", Text, "", Live,
        "Category that the row is for; left out: any."),
    part("policy.queues[].root_cause", Text, "", Live,
        "Root cause that the row is for; left out: any."),
    part("policy.queues[].queue", Text, "", Live,
        "Where such a ticket goes; the first row that matches is used. Required."),
    part("policy.windows[].name", Text, "", Live,
        "Name of the window, shown by `explain`. Required."),
    part("policy.windows[].from", Text, "desk time", Live,
        "First instant, RFC 3339 with an offset. Required."),
    part("policy.windows[].until", Text, "desk time", Live,
        "First instant after it, RFC 3339 with an offset. Required."),
    part("policy.windows[].sites", Texts, "", Live,
        "Maintenance at these sites. With neither sites nor devices the window is a freeze: nothing is automatic."),
    part("policy.windows[].devices", Texts, "", Live,
        "Maintenance of these devices."),

    part("slices[].name", Text, "", Restart,
        "Name of the permission slice: a-z 0-9 _ -, at most 40. A ticket belongs to the first that matches; `rest` comes last by itself. Required."),
    part("slices[].threshold", Probability, "confidence", Live,
        "Confidence needed for automatic action; one of policy.threshold_grid. Left out: policy.threshold."),
    part("slices[].category", Texts, "", Restart, "Categories; a last * matches any rest."),
    part("slices[].kind", Words(KINDS), "", Restart, "Kinds."),
    part("slices[].vendor", Texts, "", Restart, "Vendors of the device."),
    part("slices[].device_type", Texts, "", Restart, "Types of the device."),
    part("slices[].site", Texts, "", Restart, "Sites."),
    part("slices[].region", Texts, "", Restart, "Regions."),
    part("slices[].customer_tier", Texts, "", Restart, "Customer tiers."),
    part("slices[].channel", Words(CHANNELS), "", Restart, "Channels."),
    part("slices[].source_system", Texts, "", Restart, "Source systems."),
    part("slices[].labels.*", Texts, "", Restart, "Values of a label, which source.label_keys must name."),

    key("rollout.mode", Word(ROLLOUT_MODES), r#""fixed""#, "", NoClock, Restart,
        "fixed: rollout.fixed_stage and rollout.shares hold for every slice. earned: every slice begins in shadow and earns its stages by evidence; one instance leads and writes them to kafka.topics.rollout."),
    key("rollout.fixed_stage", Word(STAGES), r#""shadow""#, "", NoClock, Live,
        "Stage of every slice with rollout.mode `fixed`. A demo model never leaves shadow."),
    key("rollout.halt_file", Path, r#""halt""#, "", NoClock, Restart,
        "While this file exists, this instance takes no automatic action, whatever Kafka says; `touch` it when brokers are down. Empty: no such file is looked for."),
    key("rollout.desk_timezone", Text, r#""UTC""#, "", NoClock, Restart,
        "IANA time zone of the desk: stages are read after local midnight, and hours and weekends are counted in it."),
    key("rollout.lease_s", Integer(5, 3_600), "90", "s", Operating, Restart,
        "How long automatic actions may go on without a sign of the leading instance; more than kafka.transaction_timeout_ms and 10 s together, or nothing is ever automatic."),
    key("rollout.renew_s", Integer(1, 600), "15", "s", Operating, Restart,
        "How often the leading instance renews the lease; at most a third of rollout.lease_s."),
    key("rollout.window_days", Integer(7, 365), "28", "days", Desk, Restart,
        "Live window of the evidence: nothing older counts, nor for an account that began before."),
    key("rollout.soak_days", Integer(0, 365), "7", "days", Desk, Restart,
        "How long a stage is held before the next can be earned."),
    key("rollout.soak_step_days", Integer(0, 365), "2", "days", Desk, Restart,
        "The same between two steps of a share."),
    key("rollout.cool_down_days", Integer(0, 365), "3", "days", Desk, Restart,
        "How long nothing is earned after a step back."),
    key("rollout.approval_days", Integer(7, 365), "30", "days", Desk, Restart,
        "How long a person's word lets a slice act: a promotion, or `noctriage rollout approve`. Then nothing in it is automatic until somebody says so again. It ends in working hours alone."),
    key("rollout.working_days", Words(WEEKDAYS), r#"["monday", "tuesday", "wednesday", "thursday", "friday"]"#, "", NoClock, Restart,
        "Days on which people who may approve are at work."),
    key("rollout.working_hours", Text, r#""08:00-17:00""#, "", NoClock, Restart,
        "The hours of these days, in rollout.desk_timezone."),
    key("rollout.shares.auto_triage", Number(0.0, SHARE_MAX), "0.05", "share", NoClock, Live,
        "Share of eligible tickets that auto_triage acts on; read in stages auto_triage and auto_resolve."),
    key("rollout.shares.auto_resolve", Number(0.0, SHARE_MAX), "0.0", "share", NoClock, Live,
        "Share of eligible tickets that auto_resolve acts on; at most that of auto_triage; read in stage auto_resolve."),
    key("rollout.limits.severity_error", Number(0.001, 0.9), "0.30", "share", NoClock, Restart,
        "Severity answers that may be wrong for suggest."),
    key("rollout.limits.action_error", Number(0.001, 0.5), "0.02", "share", NoClock, Restart,
        "Automatic actions that may be wrong."),
    key("rollout.limits.missing_verdicts", Number(0.0, 1.0), "0.05", "share", NoClock, Restart,
        "Drawn tickets without a verdict after the deadline, above which promotion waits."),
    key("rollout.limits.late_decisions", Number(0.0, 1.0), "0.02", "share", NoClock, Restart,
        "Decisions that came after a person had worked on the ticket, above which promotion waits."),
    key("rollout.limits.calibration_gap", Number(0.0, 1.0), "0.05", "share", NoClock, Restart,
        "Gap between confidence and what is right, beyond which promotion waits."),
    key("rollout.limits.reopened", Number(0.001, 0.9), "0.05", "share", NoClock, Restart,
        "Resolved tickets that may be opened again."),
    key("rollout.limits.critical_miss.auto_triage", Number(0.001, 0.2), "0.01", "share", NoClock, Restart,
        "Tickets eligible for auto_triage that people may call critical."),
    key("rollout.limits.critical_miss.auto_resolve", Number(0.001, 0.2), "0.005", "share", NoClock, Restart,
        "Tickets eligible for auto_resolve that people may call critical."),
    part("rollout.on_breach.*", Word(ON_BREACH), "", Restart,
        "What a breach of a gate in force does, by the gate's name (severity_accuracy, action_error, reopen_rate, drift): step_back, which is what a gate does that is not named, or observe. A critical that was missed is a hard stop, always."),

    key("triage.batch_records_max", Integer(1, 10_000), "2000", "records", NoClock, Restart,
        "Most records in one batch and so in one transaction. Batches begin at 64; while a backlog fills them and the models answer quickly they double, and where answers take a quarter of model.deadline_ms they halve."),
    key("triage.batch_wait_ms", Integer(0, 10_000), "20", "ms", Operating, Restart,
        "Longest wait for a batch to fill."),
    key("triage.buffer_records_max", Integer(1, 1_000_000), "4000", "records", NoClock, Restart,
        "Records buffered before partitions are paused; at least batch_records_max."),
    key("triage.buffer_mib_max", Integer(1, 65_536), "64", "MiB", NoClock, Restart,
        "Bytes buffered before partitions are paused."),
    key("triage.drain_deadline_s", Integer(1, 3_600), "20", "s", Operating, Restart,
        "How long SIGTERM waits for batches in flight."),
    key("triage.view_window_hours", Integer(1, 168), "24", "hours", Desk, Restart,
        "How far back the recent view reaches."),
    key("triage.view_records_max", Integer(1_000, 10_000_000), "200000", "records", NoClock, Restart,
        "Most decisions that a partition of the recent view is rebuilt from."),
    key("triage.view_rebuild_deadline_s", Integer(1, 3_600), "60", "s", Operating, Restart,
        "Longest rebuild of a partition of the view; afterwards its tickets are decided, never automatic. While a transaction \
         of its last owner is open, they wait."),

    key("admin.listen", Text, r#""127.0.0.1:9464""#, "", NoClock, Restart,
        "Address of /metrics, /healthz, /readyz and /api/v1."),
    key("admin.behind_proxy", Flag, "false", "", NoClock, Restart,
        "Allows an address beyond loopback: a proxy in front decides who may read it."),
    key("admin.socket", Path, r#""""#, "", NoClock, Restart,
        "Unix socket, mode 0600, through which `halt --socket` and `resume --socket` reach this instance when brokers are away. A file beside it, with the ending `halted`, remembers a halt. Empty: none; the systemd unit sets it."),

    key("log.filter", Text, r#""info""#, "", NoClock, Live,
        "Filter in tracing's words, for example info,noctriage::kafka=debug."),
    key("log.json", Flag, "false", "", NoClock, Restart,
        "JSON lines instead of text."),

    key("verdicts.truth", Word(TRUTHS), r#""undecided""#, "", NoClock, Restart,
        "What counts as a person's verdict. ticket_system: what engineers do in the ticket system (preset `servicenow`), by verdicts.rule; explicit: only verdicts that are written as such. undecided: no stage can be earned."),
    key("verdicts.rule", Word(VERDICT_RULES), r#""resolved""#, "", NoClock, Restart,
        "Verdict rule of truth `ticket_system`: which event is a person's statement. resolved: a person resolved the ticket; its priority and close code at that moment. closed: the same when a person closed it."),
    key("verdicts.events", Word(EVENT_TOPICS), r#""tickets""#, "", NoClock, Restart,
        "Where the events of the ticket system lie: in the input topic, which then must keep them for at least 90 days, or in kafka.topics.verdicts."),
    key("verdicts.no_work_codes", Texts, "[]", "", NoClock, Restart,
        "Close codes that say that nobody had to do anything, compared without case. With another code, or with time booked, closing the ticket unseen would have been wrong. []: auto_resolve cannot be earned from the ticket system."),
    key("verdicts.deadline_hours", Integer(24, 2_160), "72", "hours", Desk, Restart,
        "How long a verdict may take. A drawn ticket without one after that counts as wrong; set it past the time in which tickets are usually reopened."),
    key("verdicts.rating_scale", Word(RATING_SCALES), r#""helpful3/v1""#, "", NoClock, Restart,
        "Scale of root-cause ratings with its version: 0 not helpful, 1 somewhat, 2 helpful; or 1 useless to 5 exactly right. Ratings on the other one are counted and left out."),
    key("notify.url", Text, r#""""#, "", NoClock, Restart,
        "Where transitions, hard stops, halts, promotions that wait for a person, approvals that run out and silence of the verdicts are announced: one POST with JSON each (http or https). Its path and query are never shown."),
];

/// The key that a dotted path names, indices and free names put back to `[]` and `*`.
pub fn find(path: &str) -> Option<&'static Key> {
    let pattern = pattern_of(path);
    KEYS.iter().find(|key| matches(key.name, &pattern))
}

/// A path with its indices taken out: `slices[3].name` becomes `slices[].name`.
pub fn pattern_of(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    let mut in_index = false;
    for character in path.chars() {
        match character {
            '[' => {
                in_index = true;
                pattern.push(character);
            }
            ']' => {
                in_index = false;
                pattern.push(character);
            }
            _ if in_index && character.is_ascii_digit() => {}
            _ => pattern.push(character),
        }
    }
    pattern
}

/// A free name may hold anything, dots and brackets too: only what stands before it is compared.
fn matches(name: &str, pattern: &str) -> bool {
    match name.strip_suffix('*') {
        Some(before) => pattern.strip_prefix(before).is_some_and(|free| !free.is_empty()),
        None => name == pattern,
    }
}

/// The table as `reference.toml`, the README and `config show` print it.
pub fn reference_rows() -> Vec<ReferenceRow> {
    let row = |key: &Key| ReferenceRow {
        key: key.name,
        default: key.default.unwrap_or_default(),
        unit: key.unit,
        range: key.kind.range(),
        clock: key.clock.to_string(),
        is_live: key.reload == Live,
        meaning: key.meaning,
    };
    KEYS.iter().map(row).collect()
}
