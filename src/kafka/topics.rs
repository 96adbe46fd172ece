//! What the topics are and what they should be: looked at before a start, made by `topics create`.
//!
//! A topic that differs is reported and never changed: more partitions would send tickets elsewhere, other retention
//! would delete evidence.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::settings::{KafkaSettings, RolloutMode};

use super::client;

/// A topic that was made a moment ago, or by brokers that have just started, may not be in the metadata yet: so often it is
/// looked for before a start is refused for good (ten seconds). With fewer looks a busy cluster is taken for a mistake.
const LOOKS_AT_START: usize = 20;
/// The same before topics are made: what is missing then is no surprise.
const LOOKS_BEFORE_CREATE: usize = 3;
/// Wait between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Why the topics cannot be looked at or made.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// No broker answered.
    #[error("{brokers}: no broker answered: {reason}. hint: is the address right, and is the broker up?")]
    Unreachable {
        /// Bootstrap list.
        brokers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// A request was refused.
    #[error("topic {topic}: {reason}")]
    Refused {
        /// Which topic.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// What is wrong with the topics: empty when triage can start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicReport {
    /// Topics that do not exist.
    pub missing: Vec<String>,
    /// One sentence for each that differs from what is needed.
    pub differs: Vec<String>,
    /// Number of partitions of the input topic, where it exists.
    pub ticket_partitions: Option<usize>,
}

impl TopicReport {
    /// Whether triage can start.
    pub fn is_fine(&self) -> bool {
        self.missing.is_empty() && self.differs.is_empty()
    }

    /// All of it as sentences, each with what to do.
    pub fn sentences(&self) -> Vec<String> {
        let missing = self.missing.iter().map(|topic| {
            if self.ticket_partitions.is_none() && self.missing.first() == Some(topic) {
                format!(
                    "topic {topic} does not exist, or this user may not describe it: it is the input and belongs to the \
                     ticket system. hint: create it there, set kafka.topics.tickets to the right name, or, to try \
                     things out, `noctriage topics create --tickets-partitions 3`"
                )
            } else {
                format!(
                    "topic {topic} does not exist, or this user may not describe it. hint: `noctriage topics create`, or \
                     grant Describe and Write on it"
                )
            }
        });
        missing.chain(self.differs.iter().cloned()).collect()
    }
}

/// One of our topics as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTopic {
    /// Name.
    pub name: String,
    /// Number of partitions.
    pub partitions: usize,
    /// Configuration that `topics create` sets and checks.
    pub configuration: BTreeMap<&'static str, String>,
    /// Whether a start needs it.
    pub need: TopicNeed,
}

/// Whether a start needs a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicNeed {
    /// Always.
    Always,
    /// Where stages are earned.
    WhereEarned,
    /// Never: others write it.
    Never,
}

impl TopicNeed {
    fn is_needed(self, mode: RolloutMode) -> bool {
        match self {
            Self::Always => true,
            Self::WhereEarned => mode == RolloutMode::Earned,
            Self::Never => false,
        }
    }
}

/// Our topics, for an input topic with that many partitions.
pub fn wanted(settings: &KafkaSettings, ticket_partitions: usize) -> Vec<WantedTopic> {
    let names = &settings.topics;
    let create = &settings.create;
    let others = usize::try_from(create.partitions).unwrap_or(1);
    vec![
        wanted_topic(&names.decisions, ticket_partitions, create.decisions_retention),
        wanted_topic(&names.suggestions, others, create.retention),
        wanted_topic(&names.commands, others, create.retention),
        wanted_topic(&names.review, others, create.retention),
        wanted_topic(&names.dead_letters, others, create.retention),
        // One partition each: what people ask, and what came of it, has one order.
        WantedTopic { need: TopicNeed::WhereEarned, ..wanted_topic(&names.control, 1, create.control_retention) },
        WantedTopic { need: TopicNeed::WhereEarned, ..wanted_topic(&names.transitions, 1, create.control_retention) },
        WantedTopic {
            need: TopicNeed::WhereEarned,
            // Only the newest map and lease are wanted, however old.
            configuration: BTreeMap::from([
                ("cleanup.policy", "compact".to_owned()),
                ("message.timestamp.type", "LogAppendTime".to_owned()),
            ]),
            ..wanted_topic(&names.rollout, 1, create.control_retention)
        },
        WantedTopic { need: TopicNeed::Never, ..wanted_topic(&names.command_results, others, create.retention) },
    ]
}

fn wanted_topic(name: &str, partitions: usize, retention: Duration) -> WantedTopic {
    WantedTopic {
        name: name.to_owned(),
        partitions,
        configuration: BTreeMap::from([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", retention.as_millis().to_string()),
            // Order and age must not depend on the clock of whoever writes.
            ("message.timestamp.type", "LogAppendTime".to_owned()),
        ]),
        need: TopicNeed::Always,
    }
}

/// Looks at the topics: existence and numbers of partitions.
///
/// # Errors
/// No broker answers.
pub fn inspect(settings: &KafkaSettings, mode: RolloutMode) -> Result<TopicReport, TopicsError> {
    inspect_in(settings, |need| need.is_needed(mode), LOOKS_AT_START)
}

fn inspect_in(
    settings: &KafkaSettings,
    is_needed: impl Fn(TopicNeed) -> bool,
    looks: usize,
) -> Result<TopicReport, TopicsError> {
    let client = admin_client(settings)?;
    for _ in 1..looks {
        let report = look(settings, &is_needed, &client)?;
        if report.is_fine() {
            return Ok(report);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    look(settings, &is_needed, &client)
}

fn look(
    settings: &KafkaSettings,
    is_needed: &impl Fn(TopicNeed) -> bool,
    client: &AdminClient<DefaultClientContext>,
) -> Result<TopicReport, TopicsError> {
    let metadata =
        client.inner().fetch_metadata(None, settings.request_timeout).map_err(|error| unreachable(settings, &error))?;
    let found: BTreeMap<&str, &MetadataTopic> =
        metadata.topics().iter().filter(|topic| topic.error().is_none()).map(|topic| (topic.name(), topic)).collect();
    let partitions = |name: &str| found.get(name).map(|topic| topic.partitions().len());
    let ticket_partitions = partitions(&settings.topics.tickets);
    let mut report = TopicReport { ticket_partitions, ..TopicReport::default() };
    if ticket_partitions.is_none() {
        report.missing.push(settings.topics.tickets.clone());
    }
    let needed =
        wanted(settings, ticket_partitions.unwrap_or_default()).into_iter().filter(|topic| is_needed(topic.need));
    for topic in needed {
        match partitions(&topic.name) {
            None => report.missing.push(topic.name),
            Some(count)
                if topic.name == settings.topics.decisions
                    && ticket_partitions.is_some_and(|wanted| wanted != count) =>
            {
                report.differs.push(format!(
                    "topic {} has {count} partitions and {} has {}: they must be equal, because decisions mirror tickets. \
                     hint: delete {} (its decisions are lost) or add partitions to the smaller one, then start again",
                    topic.name, settings.topics.tickets, topic.partitions, topic.name
                ));
            }
            Some(count) if topic.need == TopicNeed::WhereEarned && count != 1 => report.differs.push(format!(
                "topic {} has {count} partitions and must have 1: what stands in it has one order. hint: delete it and \
                 run `noctriage topics create`, or set another name",
                topic.name
            )),
            Some(_) => {}
        }
    }
    Ok(report)
}

/// What `topics create` would do or has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateReport {
    /// Made (or, in a dry run, to be made).
    pub created: Vec<WantedTopic>,
    /// Already there and as wanted.
    pub unchanged: Vec<String>,
    /// Already there and different: one sentence each. Nothing was changed.
    pub differs: Vec<String>,
}

/// Partitions of topics that belong to the site, where `topics create` is to make them all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SitePartitions {
    /// Of the input topic; `None`: it must be there.
    pub tickets: Option<u32>,
    /// Of the verdicts; `None`: it is not looked at.
    pub verdicts: Option<u32>,
}

/// Makes what is missing, and compares what is there. Topics of the site are made only when their partitions are given.
///
/// # Errors
/// No broker answers, the input topic does not exist, or a creation is refused.
pub async fn create(
    settings: &KafkaSettings,
    mode: CreateMode,
    site: SitePartitions,
) -> Result<CreateReport, TopicsError> {
    let report = inspect_in(settings, |_| true, LOOKS_BEFORE_CREATE)?;
    let client = admin_client(settings)?;
    let mut result = CreateReport { differs: report.differs, ..CreateReport::default() };
    let ticket_partitions = match (report.ticket_partitions, site.tickets) {
        (Some(found), _) => found,
        (None, Some(partitions)) => {
            let partitions = usize::try_from(partitions).unwrap_or(1);
            let retention = settings.create.retention;
            let tickets = wanted_topic(&settings.topics.tickets, partitions, retention);
            if mode == CreateMode::Apply {
                create_one(&client, settings, &tickets).await?;
            }
            result.created.push(tickets);
            partitions
        }
        (None, None) => {
            return Err(TopicsError::Refused {
                topic: settings.topics.tickets.clone(),
                reason: "it does not exist; it is the input and belongs to the ticket system. hint: create it there, \
                         set kafka.topics.tickets to the right name, or, to try things out, add \
                         `--tickets-partitions 3`"
                    .into(),
            });
        }
    };
    if let Some(partitions) = site.verdicts {
        let partitions = usize::try_from(partitions).unwrap_or(1);
        let verdicts = wanted_topic(&settings.topics.verdicts, partitions, settings.create.decisions_retention);
        let metadata = client
            .inner()
            .fetch_metadata(None, settings.request_timeout)
            .map_err(|error| unreachable(settings, &error))?;
        if metadata.topics().iter().any(|found| found.name() == verdicts.name && found.error().is_none()) {
            result.unchanged.push(verdicts.name);
        } else {
            if mode == CreateMode::Apply {
                create_one(&client, settings, &verdicts).await?;
            }
            result.created.push(verdicts);
        }
    }
    for topic in wanted(settings, ticket_partitions) {
        if report.missing.contains(&topic.name) {
            if mode == CreateMode::Apply {
                create_one(&client, settings, &topic).await?;
            }
            result.created.push(topic);
        } else {
            let differences = differences(&client, settings, &topic).await?;
            if differences.is_empty() {
                result.unchanged.push(topic.name);
            } else {
                result.differs.extend(differences);
            }
        }
    }
    Ok(result)
}

/// Whether `topics create` changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateMode {
    /// Only says what it would do.
    DryRun,
    /// Does it.
    Apply,
}

async fn create_one(
    client: &AdminClient<DefaultClientContext>,
    settings: &KafkaSettings,
    topic: &WantedTopic,
) -> Result<(), TopicsError> {
    let replication = TopicReplication::Fixed(i32::from(settings.create.replication));
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    let mut new = NewTopic::new(&topic.name, partitions, replication);
    for (key, value) in &topic.configuration {
        new = new.set(key, value);
    }
    let options = AdminOptions::new().operation_timeout(Some(settings.request_timeout));
    let results = client.create_topics([&new], &options).await.map_err(|error| unreachable(settings, &error))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                #[expect(clippy::wildcard_enum_match_arm, reason = "a hint for the codes that have one")]
                let hint = match code {
                    RDKafkaErrorCode::InvalidReplicationFactor => {
                        ". hint: set kafka.create.replication to at most the number of brokers"
                    }
                    RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
                        ". hint: this user needs Create on the topic"
                    }
                    _ => "",
                };
                return Err(TopicsError::Refused { topic: name, reason: format!("{code}{hint}") });
            }
        }
    }
    Ok(())
}

async fn differences(
    client: &AdminClient<DefaultClientContext>,
    settings: &KafkaSettings,
    topic: &WantedTopic,
) -> Result<Vec<String>, TopicsError> {
    let options = AdminOptions::new().request_timeout(Some(settings.request_timeout));
    let resources = client
        .describe_configs([&ResourceSpecifier::Topic(&topic.name)], &options)
        .await
        .map_err(|error| unreachable(settings, &error))?;
    let mut sentences = Vec::new();
    for resource in resources {
        let resource =
            resource.map_err(|code| TopicsError::Refused { topic: topic.name.clone(), reason: code.to_string() })?;
        let found = resource.entry_map();
        for (key, wanted) in &topic.configuration {
            let value = found.get(key).and_then(|entry| entry.value.as_deref()).unwrap_or("(unset)");
            if value != wanted {
                sentences.push(format!("topic {}: {key} is {value}, the configuration says {wanted}", topic.name));
            }
        }
    }
    Ok(sentences)
}

fn admin_client(settings: &KafkaSettings) -> Result<AdminClient<DefaultClientContext>, TopicsError> {
    client::admin(settings).create().map_err(|error| unreachable(settings, &error))
}

fn unreachable(settings: &KafkaSettings, error: &rdkafka::error::KafkaError) -> TopicsError {
    TopicsError::Unreachable { brokers: settings.brokers.clone(), reason: error.to_string() }
}
