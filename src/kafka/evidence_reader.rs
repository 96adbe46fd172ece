//! From records of Kafka to evidence, and reading them for commands: everything since an instant, up to the ends as they
//! are when reading begins. The daemon reads the same records with the endless tail.

use std::collections::BTreeMap;

use crate::config::settings::{EventTopic, KafkaSettings, Settings};
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::rollout::decision::DecisionEvent;
use crate::rollout::evidence::{Evidence, VerdictEvent};
use crate::rollout::log::{Appended, Cut, EvidenceTopic, Position, Recorded};
use crate::wire::intake::DeadLetterClass;
use crate::wire::seen::SeenDecision;
use crate::wire::values::SourcePosition;
use crate::wire::verdict::{self, VerdictIntake, VerdictSource};

use super::evidence_tail::{TailedTopic, topics_of};
use super::scan::{ScanError, ScanFrom, ScanProgress, Scanned, begun_since, scan};

/// Sentences about unreadable records that are kept, per topic: the first ones say what is wrong with the rest.
const EXAMPLES_MAX: usize = 5;
const HOUR_MS: i64 = 3_600_000;

/// Evidence, and what became of the records that it was read from.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The fold.
    pub evidence: Evidence,
    /// Behind every record that was read.
    pub cut: Cut,
    /// Records read, by topic.
    pub records: BTreeMap<EvidenceTopic, u64>,
    /// Records of verdicts or events that are neither, by class.
    pub unreadable: BTreeMap<DeadLetterClass, u64>,
    /// Where some of them lie, and why.
    pub unreadable_examples: Vec<String>,
    /// Decisions that this version cannot read.
    pub unreadable_decisions: u64,
    /// Events in which nobody states anything.
    pub without_statement: u64,
    /// Topics of the site that do not exist, by name.
    pub missing_topics: Vec<String>,
    /// Where the first drawn decision of each ticket found its input record; `None`: nobody asked for it.
    pub sources: Option<BTreeMap<TicketId, SourcePosition>>,
    /// Only what lies before this cut is taken in; `None`: everything.
    up_to: Option<Cut>,
    /// Hours in which unreadable records were appended, counted since 1970, and how many each.
    unreadable_hours: BTreeMap<i64, u64>,
}

/// Reads everything since an instant of operating time.
///
/// # Errors
/// Brokers that do not answer, or no topic of decisions.
pub fn gather(
    settings: &Settings,
    since: UtcMillis,
    progress: impl FnMut(&'static str, ScanProgress),
) -> Result<Gathered, ScanError> {
    gather_into(Gathered::default(), settings, since, progress)
}

/// The same, and where the records of drawn tickets lie.
///
/// # Errors
/// Brokers that do not answer, or no topic of decisions.
pub fn gather_with_sources(
    settings: &Settings,
    since: UtcMillis,
    progress: impl FnMut(&'static str, ScanProgress),
) -> Result<Gathered, ScanError> {
    let gathered = Gathered { sources: Some(BTreeMap::new()), ..Gathered::default() };
    gather_into(gathered, settings, since, progress)
}

/// The same as it was at a cut: nothing behind it is taken in.
///
/// # Errors
/// Brokers that do not answer, or no topic of decisions.
pub fn gather_up_to(
    settings: &Settings,
    since: UtcMillis,
    cut: Cut,
    progress: impl FnMut(&'static str, ScanProgress),
) -> Result<Gathered, ScanError> {
    gather_into(Gathered { up_to: Some(cut), ..Gathered::default() }, settings, since, progress)
}

fn gather_into(
    mut gathered: Gathered,
    settings: &Settings,
    since: UtcMillis,
    mut progress: impl FnMut(&'static str, ScanProgress),
) -> Result<Gathered, ScanError> {
    let topics = &settings.kafka.topics;
    let from = ScanFrom::Since(since);
    scan(
        &settings.kafka,
        &topics.decisions,
        from,
        |scanned| gathered.add(EvidenceTopic::Decisions, &scanned, settings),
        |done| progress("reading decisions", done),
    )?;
    let events = match settings.verdicts.events {
        Some(EventTopic::Tickets) => Some((&topics.tickets, EvidenceTopic::Events)),
        Some(EventTopic::Verdicts) | None => None,
    };
    let verdicts = (&topics.verdicts, EvidenceTopic::Verdicts);
    gathered.note_starts(&settings.kafka, EvidenceTopic::Decisions, &topics.decisions, since)?;
    for (topic, place) in std::iter::once(verdicts).chain(events) {
        let read = scan(
            &settings.kafka,
            topic,
            from,
            |scanned| gathered.add(place, &scanned, settings),
            |done| progress("reading verdicts", done),
        );
        match read {
            Ok(()) => gathered.note_starts(&settings.kafka, place, topic, since)?,
            // Verdicts belong to the site: without their topic there are none, which is an answer.
            Err(ScanError::Missing(topic)) => gathered.missing_topics.push(topic),
            Err(error @ (ScanError::Refused { .. } | ScanError::Brokers { .. })) => return Err(error),
        }
    }
    Ok(gathered)
}

/// Where the logs begin of which nothing older than an instant is left, without reading them: enough to know what is missing.
///
/// # Errors
/// Brokers that do not answer.
pub fn starts_of_logs(settings: &Settings, since: UtcMillis) -> Result<Evidence, ScanError> {
    let mut gathered = Gathered::default();
    for TailedTopic { topic, name } in topics_of(settings) {
        match gathered.note_starts(&settings.kafka, topic, &name, since) {
            Ok(()) | Err(ScanError::Missing(_)) => {}
            Err(error @ (ScanError::Refused { .. } | ScanError::Brokers { .. })) => return Err(error),
        }
    }
    Ok(gathered.evidence)
}

impl Gathered {
    fn note_starts(
        &mut self,
        settings: &KafkaSettings,
        topic: EvidenceTopic,
        name: &str,
        since: UtcMillis,
    ) -> Result<(), ScanError> {
        for (partition, offset) in begun_since(settings, name, since)? {
            self.evidence.begin_log(topic, partition, offset);
        }
        Ok(())
    }

    /// Takes one record in. Reading one again changes nothing but the counts of records.
    pub fn add(&mut self, topic: EvidenceTopic, scanned: &Scanned, settings: &Settings) {
        let position = Position { topic, partition: scanned.partition, offset: scanned.offset };
        if self.up_to.as_ref().is_some_and(|cut| !cut.has(position)) {
            return;
        }
        self.cut.pass(position);
        *self.records.entry(topic).or_default() += 1;
        let appended = Appended { at: scanned.record.timestamp.unwrap_or_default(), position };
        self.evidence.note(appended);
        match topic {
            EvidenceTopic::Decisions => self.add_decision(appended, scanned),
            EvidenceTopic::Verdicts => self.add_verdict(appended, scanned, VerdictSource::Verdicts, settings),
            EvidenceTopic::Events => self.add_verdict(appended, scanned, VerdictSource::Events, settings),
        }
    }

    fn add_decision(&mut self, appended: Appended, scanned: &Scanned) {
        let record = SeenDecision::from_json(scanned.record.value.as_deref().unwrap_or_default());
        match record.ok().and_then(|record| Some((record.seen().ok()?, record))) {
            Some((Some(value), record)) => {
                // Decisions of a ticket lie in one partition, in their order: the first one read is the first one made.
                if let (Some(sources), DecisionEvent::Decided(decided)) = (&mut self.sources, &value.event)
                    && decided.is_drawn
                {
                    sources.entry(value.ticket_id.clone()).or_insert_with(|| record.source().clone());
                }
                self.evidence.add_decision(Recorded { appended, value });
            }
            // About no ticket.
            Some((None, _)) => {}
            None => {
                self.unreadable_decisions += 1;
                self.count_unreadable(appended.at);
            }
        }
    }

    fn add_verdict(&mut self, appended: Appended, scanned: &Scanned, source: VerdictSource, settings: &Settings) {
        match verdict::read(&scanned.record, source, &settings.verdicts.reader) {
            VerdictIntake::Verdict(verdict) => {
                self.evidence.add_verdict(Recorded { appended, value: VerdictEvent::Verdict(verdict) });
            }
            VerdictIntake::Ours(_) => self.evidence.add_verdict(Recorded { appended, value: VerdictEvent::Ours }),
            VerdictIntake::NoStatement => self.without_statement += 1,
            VerdictIntake::DeadLetter(reason) => {
                *self.unreadable.entry(reason.class).or_default() += 1;
                self.count_unreadable(appended.at);
                if self.unreadable_examples.len() < EXAMPLES_MAX {
                    let Position { topic, partition, offset } = appended.position;
                    let name = match topic {
                        EvidenceTopic::Decisions => &settings.kafka.topics.decisions,
                        EvidenceTopic::Verdicts => &settings.kafka.topics.verdicts,
                        EvidenceTopic::Events => &settings.kafka.topics.tickets,
                    };
                    self.unreadable_examples.push(format!(
                        "{name}[{partition}]@{offset}: {}: {}",
                        reason.class.as_str(),
                        reason.detail
                    ));
                }
            }
        }
    }

    fn count_unreadable(&mut self, appended_at: UtcMillis) {
        *self.unreadable_hours.entry(appended_at.0.div_euclid(HOUR_MS)).or_default() += 1;
    }

    /// Unreadable records that were appended in or after the hour of an instant.
    pub fn unreadable_since(&self, instant: UtcMillis) -> u64 {
        self.unreadable_hours.range(instant.0.div_euclid(HOUR_MS)..).map(|(_, count)| count).sum()
    }

    /// Drops what was appended before an instant; the counts of records stay what they are.
    pub fn forget_before(&mut self, instant: UtcMillis) {
        self.evidence.forget_before(instant);
        self.unreadable_hours = self.unreadable_hours.split_off(&instant.0.div_euclid(HOUR_MS));
    }
}
