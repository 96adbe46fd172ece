//! What the program uses: typed, validated, complete. One value per load; parts of it are replaced by a reload.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::webhook::Address;
use crate::domain::digest::Digest;
use crate::domain::stage::{Share, Stage};
use crate::domain::verdict::RatingScale;
use crate::policy::ruling::{DrawKey, Policy};
use crate::rollout::spec::RolloutSpec;
use crate::wire::intake::IntakeSettings;
use crate::wire::verdict::VerdictSettings;

use super::taxonomy::Taxonomy;

/// Everything.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Brokers, topics, group, transactions.
    pub kafka: KafkaSettings,
    /// How a source's records become tickets.
    pub intake: Arc<IntakeSettings>,
    /// Static policy; replaced whole by a reload.
    pub policy: Arc<Policy>,
    /// Where stages come from; replaced by a reload.
    pub rollout: RolloutSettings,
    /// Models and the engine.
    pub inference: InferenceSettings,
    /// Batches and drain.
    pub triage: TriageSettings,
    /// HTTP.
    pub admin: AdminSettings,
    /// Log.
    pub log: LogSettings,
    /// Digest of all outside policy and model that decides eligibility: source, taxonomy, id of the draw key. The policy
    /// is sealed with it; whoever knows more (device class) seals again with both.
    pub eligibility_base: Digest,
    /// Root causes and severity words of the site.
    pub taxonomy: Arc<Taxonomy>,
    /// What counts as a person's verdict.
    pub verdicts: VerdictsSettings,
    /// The outgoing webhook.
    pub notify: NotifySettings,
    /// Key of the draws.
    pub draw_key: DrawKey,
    /// Digest of the whole configuration as loaded (secrets left out).
    pub config_digest: Digest,
}

/// Brokers, topics, group, transactions.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Bootstrap list.
    pub brokers: String,
    /// Consumer group; the transactional id is `<group>-<instance_id>`.
    pub group: String,
    /// Stable over restarts, unique in the group. Default: the host name.
    pub instance_id: String,
    /// Names of all topics.
    pub topics: TopicNames,
    /// How records are compressed.
    pub compression: Compression,
    /// Security.
    pub security: SecuritySettings,
    /// Consumer session (operating time). Default 15 s.
    pub session_timeout: Duration,
    /// Longest transaction (operating time). Default 30 s.
    pub transaction_timeout: Duration,
    /// Any single blocking request (operating time). Default 30 s.
    pub request_timeout: Duration,
    /// How `topics create` makes topics.
    pub create: TopicCreation,
    /// Start although the committed offset lies below the log's start.
    pub accept_loss: bool,
    /// The mock broker of the demo: no admin requests, no stored offsets, dynamic members.
    pub is_mock: bool,
}

/// How long brokers wait before they abort a transaction that has timed out (`transaction.abort.timed.out…`, default).
const BROKER_ABORT_INTERVAL: Duration = Duration::from_secs(10);

impl KafkaSettings {
    /// Lease that must be left for a permit: the longest that a transaction begun now can take to become visible.
    pub fn lease_needed(&self) -> Duration {
        self.transaction_timeout + BROKER_ABORT_INTERVAL
    }
}

/// Names of all topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNames {
    /// Input.
    pub tickets: String,
    /// What people decided; belongs to the site, so that a start does not need it.
    pub verdicts: String,
    /// Exactly one outcome per input record; same number of partitions as `tickets`.
    pub decisions: String,
    /// To show.
    pub suggestions: String,
    /// Automatic actions.
    pub commands: String,
    /// What people must look at.
    pub review: String,
    /// Records that are no tickets.
    pub dead_letters: String,
    /// What people ask of the rollout; one partition.
    pub control: String,
    /// Stage map and lease; one partition, compacted.
    pub rollout: String,
    /// Audit trail; one partition.
    pub transitions: String,
    /// What became of automatic actions.
    pub command_results: String,
}

/// How missing topics are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicCreation {
    /// Replication factor. Default 3.
    pub replication: u16,
    /// Partitions of suggestions, commands, review and dead letters. Default 3. `decisions` mirrors `tickets`.
    pub partitions: u32,
    /// Retention of decisions. Default 90 days.
    pub decisions_retention: Duration,
    /// Retention of the others. Default 30 days.
    pub retention: Duration,
    /// Retention of control and transitions. Default 5 years.
    pub control_retention: Duration,
}

/// How records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: least work here, most on disk.
    None,
    /// Quick.
    Lz4,
    /// Dense.
    Zstd,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Lz4, Self::Zstd];

    /// The word of the configuration and of librdkafka.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// How clients prove who they are.
#[derive(Clone, Debug, Default)]
pub struct SecuritySettings {
    /// Properties for every client, in librdkafka's words (`security.protocol`, `sasl.mechanisms`, …); secrets are already read from their files.
    pub properties: Vec<(String, Secret)>,
}

/// A text that no log and no debug output shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

/// Where stages come from, and what they rest on.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutSettings {
    /// Whether stages are fixed or earned. Default fixed.
    pub mode: RolloutMode,
    /// Stage of every slice with mode fixed. Default shadow.
    pub fixed_stage: Stage,
    /// Shares per action in the order of `AutoAction::ALL`; read with mode fixed, in auto stages only. Default 0.05, 0.
    pub shares: [Share; 2],
    /// While this file exists, this instance takes no automatic action; `None`: there is no such file.
    pub halt_file: Option<PathBuf>,
    /// How long automatic actions may go on without a sign of the leader (operating time). Default 90 s.
    pub lease: Duration,
    /// How often the leader renews the lease (operating time). Default 15 s.
    pub renew: Duration,
    /// What gates and plan read.
    pub spec: Arc<RolloutSpec>,
}

/// Where stages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutMode {
    /// The configuration.
    Fixed,
    /// Evidence: the leading instance writes them.
    Earned,
}

impl RolloutMode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fixed, Self::Earned];

    /// The word of the configuration, of records and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Earned => "earned",
        }
    }
}

/// Models and the engine.
#[derive(Clone, Debug)]
pub struct InferenceSettings {
    /// Directory of the acting model.
    pub model: PathBuf,
    /// Directory of its root-cause sibling, where severity and cause come from two.
    pub root_cause_model: Option<PathBuf>,
    /// Directory of the TF-IDF baseline.
    pub baseline: PathBuf,
    /// Directories of candidates.
    pub candidates: Vec<PathBuf>,
    /// Device.
    pub device: DeviceChoice,
    /// Threads of the engine; 0: one less than cores.
    pub threads: usize,
    /// Most tokens in one forward pass. Default 4096.
    pub batch_tokens_max: usize,
    /// From hand-over to the engine until people get the ticket without a prediction (operating time). Default 10 s.
    pub deadline: Duration,
}

/// Where models run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The GPU in a cuda build on a host with one; else the CPU, and the log says so.
    Auto,
    /// The CPU.
    Cpu,
    /// One GPU; refused in a build without `cuda`.
    Cuda(usize),
}

/// Batches and drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriageSettings {
    /// Most records in one batch and so in one transaction. Default 2,000; smaller at first.
    pub batch_records_max: usize,
    /// Longest wait for a batch to fill (operating time). Default 20 ms.
    pub batch_wait: Duration,
    /// Records buffered before partitions are paused. Default 4000.
    pub buffer_records_max: usize,
    /// Bytes buffered before partitions are paused. Default 64 MiB.
    pub buffer_bytes_max: usize,
    /// How long SIGTERM waits for batches in flight (operating time). Default 20 s.
    pub drain_deadline: Duration,
    /// Length of the recent view (desk time). Default 24 h.
    pub view_window: Duration,
    /// Most decisions a partition of the recent view is rebuilt from. Default 200000.
    pub view_records_max: usize,
    /// Longest rebuild of a partition of the view (operating time). Default 60 s.
    pub view_rebuild_deadline: Duration,
}

/// HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Loopback unless a reverse proxy is declared. Default 127.0.0.1:9464.
    pub listen: SocketAddr,
    /// Where this instance can be halted when brokers are away; `None`: nowhere.
    pub socket: Option<PathBuf>,
}

/// Log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Filter in tracing's words. Default `info`.
    pub filter: String,
    /// JSON lines instead of text.
    pub json: bool,
}

/// What counts as a person's verdict, and where it is found.
#[derive(Clone, Debug)]
pub struct VerdictsSettings {
    /// Declared by the site.
    pub truth: TruthSource,
    /// The reader of verdicts; its rule is set exactly where the truth is the ticket system.
    pub reader: Arc<VerdictSettings>,
    /// Where the events of the ticket system lie; `None`: they are not read.
    pub events: Option<EventTopic>,
    /// How long a verdict may take (desk time). Default 72 h.
    pub deadline: Duration,
    /// The one scale of root-cause ratings.
    pub rating_scale: RatingScale,
}

/// What counts as a person's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TruthSource {
    /// Not declared yet: no stage can be earned.
    Undecided,
    /// Events of the ticket system.
    TicketSystem,
    /// Verdicts that are written as such.
    Explicit,
}

impl TruthSource {
    /// The word of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::TicketSystem => "ticket_system",
            Self::Explicit => "explicit",
        }
    }
}

/// Where the events of the ticket system lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTopic {
    /// In the input topic.
    Tickets,
    /// Among the verdicts.
    Verdicts,
}

/// The outgoing webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifySettings {
    /// Where notices are posted; `None`: nowhere.
    pub address: Option<Address>,
}
