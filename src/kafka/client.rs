//! Client options, each with its why. Nothing else in the program sets a librdkafka property.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::config::settings::KafkaSettings;

use super::patience;
use super::transaction::transaction_max;

/// How much longer than any request a connection of the transactional producer is kept without one. More of it lengthens
/// the wait that it ends; tickets that come more rarely meet a new connection, which takes milliseconds.
const AFTER_LAST_REQUEST: Duration = Duration::from_secs(5);

/// How every client id of ours begins; the instance follows.
const CLIENT_ID_PREFIX: &str = "noctriage-";

/// How long a commit of what was heard may wait for its coordinator.
const ACKNOWLEDGEMENT_SESSION: Duration = Duration::from_secs(6);

/// How long a dead leader keeps the lead. Automatic actions go on meanwhile, by the lease, which is much longer; half of it
/// would take a slow broker for a death.
const LEADERSHIP_SESSION: Duration = Duration::from_secs(6);

/// How often a client that lives as long as the process says how it is connected, and how far logs reach. Lags on dashboards
/// are as old; much more often would cost more than it tells.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(5);

/// What every client shares.
fn common(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.brokers);
    config.set("client.id", client_id(settings));
    // An attempt to connect that is lost on the way is made again after this; the default of 30 s would be the wait after a
    // broker's host is back. Names and TLS take two or three seconds at the worst of places.
    config.set("socket.connection.setup.timeout.ms", "10000");
    // After a broker restart the default of 10 s is most of the wait.
    config.set("reconnect.backoff.max.ms", "500");
    // Topics are made by `topics create`, with cleanup policy and retention; never by a typo.
    config.set("allow.auto.create.topics", "false");
    config.set("socket.keepalive.enable", "true");
    for (name, value) in &settings.security.properties {
        config.set(name, &value.0);
    }
    config
}

/// Bounds what librdkafka holds for us, and what a pause throws away.
fn bound_prefetch(config: &mut ClientConfig) {
    config.set("queued.max.messages.kbytes", "16384");
    // Once over that bound, librdkafka waits this long before it fetches again. Its default of a second would make the
    // bound one of speed: 16 MiB a second, however quickly they are taken.
    config.set("fetch.queue.backoff.ms", "5");
}

/// Statistics are served by polls, and wait for them without a bound: only for a client that is polled until nothing is left.
pub(super) fn with_statistics(config: &mut ClientConfig) {
    config.set("statistics.interval.ms", milliseconds(STATISTICS_INTERVAL));
}

/// The consumer of the input topic.
pub fn ticket_consumer(settings: &KafkaSettings) -> ClientConfig {
    let mut config = common(settings);
    config.set("group.id", &settings.group);
    // Static membership: a restart within the session keeps its partitions. The mock broker cannot take a member back.
    if !settings.is_mock {
        config.set("group.instance.id", &settings.instance_id);
    }
    // Offsets go in the transaction and nowhere else.
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    // Also makes the group's committed position wait for open transactions.
    config.set("isolation.level", "read_committed");
    // A new group must not skip tickets.
    config.set("auto.offset.reset", "earliest");
    // Decisions mirror partitions one to one, so any assignor would do; eager, because an incremental (un)assign can
    // fail without our being told.
    config.set("partition.assignment.strategy", "range");
    config.set("session.timeout.ms", milliseconds(settings.session_timeout));
    config.set("heartbeat.interval.ms", milliseconds(settings.session_timeout / 5));
    // Nothing is polled while a transaction is open or waits for brokers, nor while its abort is waited for in every topic, as
    // long again: one of them is left.
    let poll_interval = settings.session_timeout.max(Duration::from_secs(300)).max(transaction_max(settings) * 3);
    config.set("max.poll.interval.ms", milliseconds(poll_interval));
    bound_prefetch(&mut config);
    config.set("fetch.wait.max.ms", "100");
    with_statistics(&mut config);
    config
}

/// The transactional producer.
pub fn transactional_producer(settings: &KafkaSettings) -> ClientConfig {
    let mut config = common(settings);
    // Stable over restarts: a new process ends the open transaction of the dead one at once.
    config.set("transactional.id", transactional_id(settings));
    config.set("transaction.timeout.ms", milliseconds(settings.transaction_timeout));
    // How long one request may go unanswered; librdkafka would wait for the whole transaction, and longer than a beat.
    let request_max =
        patience::REQUEST_MAX.min(settings.transaction_timeout.saturating_sub(Duration::from_millis(100)));
    config.set("socket.timeout.ms", milliseconds(request_max));
    // `send_offsets_to_transaction` waits without an end for a group coordinator that was not available three times in a
    // row, as while a broker starts, until any connection of this client comes or goes (librdkafka 2.12,
    // `rdkafka_coord.c`): so one goes. Longer than a request may take, because librdkafka takes waiting for idleness.
    config.set("connections.max.idle.ms", milliseconds(request_max + AFTER_LAST_REQUEST));
    // The results are ready when the transaction begins: waiting for more would only add latency.
    config.set("linger.ms", "0");
    // Java producers use murmur2; librdkafka's default would not co-partition with theirs.
    config.set("partitioner", "murmur2_random");
    config.set("compression.type", settings.compression.as_str());
    with_statistics(&mut config);
    config
}

/// A reader of our own topics, without a group.
pub fn reader(settings: &KafkaSettings, isolation: Isolation) -> ClientConfig {
    let mut config = common(settings);
    // librdkafka wants a name; nothing is ever committed under it.
    config.set("group.id", format!("{}-reader", settings.group));
    config.set("enable.auto.commit", "false");
    config.set("enable.partition.eof", "true");
    config.set("auto.offset.reset", "earliest");
    bound_prefetch(&mut config);
    config.set("fetch.wait.max.ms", "100");
    config.set(
        "isolation.level",
        match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        },
    );
    config
}

/// A reader that follows our own outputs for as long as the process lives. Each transaction would answer its fetch at once,
/// with a few decisions: brokers are spared that while less than this has come, for as long as a fetch may wait anyway.
pub fn tail(settings: &KafkaSettings) -> ClientConfig {
    let mut config = reader(settings, Isolation::Committed);
    config.set("fetch.min.bytes", "65536");
    with_statistics(&mut config);
    config
}

/// A reader that is asked for the ends of logs for as long as the process lives, and reads nothing.
pub fn asker(settings: &KafkaSettings) -> ClientConfig {
    let mut config = reader(settings, Isolation::Uncommitted);
    with_statistics(&mut config);
    config
}

/// The follower of `control` and `rollout`: what one instance has read of `control` is committed under a group of its own,
/// where commands see who has heard of a halt. Nobody is ever a member of it.
pub fn follower(settings: &KafkaSettings) -> ClientConfig {
    let mut config = reader(settings, Isolation::Committed);
    config.set("group.id", acknowledgement_group(settings, &settings.instance_id));
    // A commit whose coordinator is away is held back for a session (librdkafka 2.12), and no halt is heard meanwhile.
    config.set("session.timeout.ms", milliseconds(ACKNOWLEDGEMENT_SESSION));
    config.set("heartbeat.interval.ms", milliseconds(ACKNOWLEDGEMENT_SESSION / 3));
    config
}

/// The member of the group in which partition 0 of `control` is leadership.
pub fn leadership_consumer(settings: &KafkaSettings) -> ClientConfig {
    let mut config = common(settings);
    config.set("group.id", controller_group(settings));
    // A dynamic member: who leads need not come back, somebody else does it as well.
    config.set("session.timeout.ms", milliseconds(LEADERSHIP_SESSION));
    config.set("heartbeat.interval.ms", milliseconds(LEADERSHIP_SESSION / 4));
    // A member that joins or leaves must not take the lead from who has it.
    config.set("partition.assignment.strategy", "cooperative-sticky");
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config.set("isolation.level", "read_committed");
    // A request that was made before anybody led is still a request.
    config.set("auto.offset.reset", "earliest");
    // Nothing is polled while a transaction waits for brokers.
    let poll_interval = Duration::from_secs(300).max(transaction_max(settings) * 2);
    config.set("max.poll.interval.ms", milliseconds(poll_interval));
    bound_prefetch(&mut config);
    config.set("fetch.wait.max.ms", "100");
    with_statistics(&mut config);
    config
}

/// The transactional producer of the leader; it lives only while its instance leads.
pub fn leader_producer(settings: &KafkaSettings) -> ClientConfig {
    let mut config = transactional_producer(settings);
    config.set("transactional.id", leader_transactional_id(settings));
    config
}

/// The transactional id under which an instance leads: stable over restarts, as that of triage.
pub fn leader_transactional_id(settings: &KafkaSettings) -> String {
    format!("{}-controller-{}", settings.group, settings.instance_id)
}

/// The group whose member with partition 0 of `control` leads.
pub fn controller_group(settings: &KafkaSettings) -> String {
    format!("{}-controller", settings.group)
}

/// The group under which an instance commits what it has read of `control`.
pub fn acknowledgement_group(settings: &KafkaSettings, instance: &str) -> String {
    format!("{}-acknowledged-{instance}", settings.group)
}

/// The client id of an instance.
pub(super) fn client_id(settings: &KafkaSettings) -> String {
    format!("{CLIENT_ID_PREFIX}{}", settings.instance_id)
}

/// The instance behind a client id; `None`: it is no client of ours.
pub fn instance_of_client(client_id: &str) -> Option<&str> {
    client_id.strip_prefix(CLIENT_ID_PREFIX)
}

/// A plain idempotent producer: the desk of the demo, `dead-letters retry`.
pub fn plain_producer(settings: &KafkaSettings) -> ClientConfig {
    let mut config = common(settings);
    config.set("enable.idempotence", "true");
    config.set("partitioner", "murmur2_random");
    config.set("linger.ms", "0");
    config
}

/// The producer of `verdicts add` and `import`.
pub fn verdict_producer(settings: &KafkaSettings) -> ClientConfig {
    let mut config = plain_producer(settings);
    // A person waits for the answer: the default of five minutes is no answer.
    config.set("message.timeout.ms", "30000");
    config
}

/// Topic administration.
pub fn admin(settings: &KafkaSettings) -> ClientConfig {
    common(settings)
}

/// The transactional id of an instance: one per instance is enough since KIP-447.
pub fn transactional_id(settings: &KafkaSettings) -> String {
    format!("{}-{}", settings.group, settings.instance_id)
}

/// Which records a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Only what has been committed.
    Committed,
    /// Everything in the log.
    Uncommitted,
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}
