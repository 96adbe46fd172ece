//! Reads decisions and verdicts from Kafka into evidence, for commands: everything since an instant, up to the ends as
//! they are when reading begins.

use std::collections::BTreeMap;

use crate::config::settings::{EventTopic, Settings};
use crate::domain::time::UtcMillis;
use crate::rollout::evidence::{Evidence, VerdictEvent};
use crate::rollout::log::{Appended, Cut, EvidenceTopic, Position, Recorded};
use crate::wire::decision::DecisionRecord;
use crate::wire::intake::DeadLetterClass;
use crate::wire::verdict::{self, VerdictIntake, VerdictSource};

use super::scan::{ScanError, ScanFrom, ScanProgress, Scanned, scan};

/// Sentences about unreadable records that are kept, per topic: the first ones say what is wrong with the rest.
const EXAMPLES_MAX: usize = 5;

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
}

/// Reads everything since an instant of operating time.
///
/// # Errors
/// Brokers that do not answer, or no topic of decisions.
pub fn gather(
    settings: &Settings,
    since: UtcMillis,
    mut progress: impl FnMut(&'static str, ScanProgress),
) -> Result<Gathered, ScanError> {
    let topics = &settings.kafka.topics;
    let mut gathered = Gathered::default();
    let from = ScanFrom::Since(since);
    scan(
        &settings.kafka,
        &topics.decisions,
        from,
        |scanned| gathered.add_decision(&scanned),
        |done| progress("reading decisions", done),
    )?;
    let events = match settings.verdicts.events {
        Some(EventTopic::Tickets) => Some((&topics.tickets, EvidenceTopic::Events, VerdictSource::Events)),
        Some(EventTopic::Verdicts) | None => None,
    };
    let verdicts = (&topics.verdicts, EvidenceTopic::Verdicts, VerdictSource::Verdicts);
    for (topic, place, source) in std::iter::once(verdicts).chain(events) {
        let read = scan(
            &settings.kafka,
            topic,
            from,
            |scanned| gathered.add_verdict(&scanned, place, source, settings),
            |done| progress("reading verdicts", done),
        );
        match read {
            Ok(()) => {}
            // Verdicts belong to the site: without their topic there are none, which is an answer.
            Err(ScanError::Missing(topic)) => gathered.missing_topics.push(topic),
            Err(error @ (ScanError::Refused { .. } | ScanError::Brokers { .. })) => return Err(error),
        }
    }
    Ok(gathered)
}

impl Gathered {
    fn place(&mut self, scanned: &Scanned, topic: EvidenceTopic) -> Appended {
        let position = Position { topic, partition: scanned.partition, offset: scanned.offset };
        self.cut.pass(position);
        *self.records.entry(topic).or_default() += 1;
        Appended { at: scanned.record.timestamp.unwrap_or_default(), position }
    }

    fn add_decision(&mut self, scanned: &Scanned) {
        let appended = self.place(scanned, EvidenceTopic::Decisions);
        let record = DecisionRecord::from_json(scanned.record.value.as_deref().unwrap_or_default());
        match record.ok().and_then(|record| record.seen().ok()) {
            Some(Some(value)) => self.evidence.add_decision(Recorded { appended, value }),
            // About no ticket.
            Some(None) => {}
            None => self.unreadable_decisions += 1,
        }
    }

    fn add_verdict(&mut self, scanned: &Scanned, topic: EvidenceTopic, source: VerdictSource, settings: &Settings) {
        let appended = self.place(scanned, topic);
        match verdict::read(&scanned.record, source, &settings.verdicts.reader) {
            VerdictIntake::Verdict(verdict) => {
                self.evidence.add_verdict(Recorded { appended, value: VerdictEvent::Verdict(verdict) });
            }
            VerdictIntake::Ours(_) => self.evidence.add_verdict(Recorded { appended, value: VerdictEvent::Ours }),
            VerdictIntake::NoStatement => self.without_statement += 1,
            VerdictIntake::DeadLetter(reason) => {
                *self.unreadable.entry(reason.class).or_default() += 1;
                if self.unreadable_examples.len() < EXAMPLES_MAX {
                    let name = match topic {
                        EvidenceTopic::Decisions => &settings.kafka.topics.decisions,
                        EvidenceTopic::Verdicts => &settings.kafka.topics.verdicts,
                        EvidenceTopic::Events => &settings.kafka.topics.tickets,
                    };
                    let Scanned { partition, offset, .. } = scanned;
                    self.unreadable_examples.push(format!(
                        "{name}[{partition}]@{offset}: {}: {}",
                        reason.class.as_str(),
                        reason.detail
                    ));
                }
            }
        }
    }
}
