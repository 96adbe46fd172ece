//! What real tickets become: which fields of the source are used, which of ours stay empty, and what would be decided.
//!
//! The records go through the daemon's own reader, `decide`, writer and recent view, in order, as one partition; only
//! the append time is taken as the present, so that yesterday's tickets are not all called stale.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use crate::cli::Failure;
use crate::cli::bounded_lines::{self, BoundedLines, RECORD_BYTES_MAX, too_long};
use crate::clock::Clock;
use crate::config::Settings;
use crate::daemon::service::{self, Surroundings};
use crate::domain::digest::Digest;
use crate::domain::prediction::{Answer, ModelIdentity, Purpose};
use crate::domain::ticket::Ticket;
use crate::domain::time::UtcMillis;
use crate::policy::decided::{ActionKind, Decided, Outcome, ReviewState};
use crate::policy::identity::TicketDigests;
use crate::policy::recent_view::{Query, RecentView, TentativeView, ViewLimits, parent_of};
use crate::policy::ruling::{Lease, Moment, Ruling};
use crate::policy::slices::slice_of;
use crate::policy::{Asked, Event, RecordFacts, asked_about, decide, identity};
use crate::wire::intake::explain::{MappingSummary, explain_mapping};
use crate::wire::intake::{Intake, RawRecord};
use crate::wire::outputs::{DecidedRecord, output_records};
use crate::wire::values::SourcePosition;

/// Most records that are read: a check, not a replay.
pub(super) const RECORDS_MAX: usize = 100_000;

/// Most rows of each list that are shown; the JSON report has all.
const ROWS_SHOWN: usize = 20;

/// One record and where it stood, for people.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Line of the file, or offset in its partition.
    pub(super) number: u64,
    /// The record.
    pub(super) record: RawRecord,
}

/// Reads one record value per line; empty lines are left out.
///
/// # Errors
/// The file cannot be read, has a line that is too long, or too many lines.
pub(super) fn read_lines(path: &Path) -> Result<Vec<Line>, Failure> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} cannot be read")).map_err(Failure::usage)?;
    let mut reader = BoundedLines::new(BufReader::new(file), RECORD_BYTES_MAX);
    let mut lines = Vec::new();
    while let Some((number, line)) =
        reader.next_line().with_context(|| format!("{shown} cannot be read")).map_err(Failure::usage)?
    {
        let bytes = match line {
            bounded_lines::Line::Whole(bytes) => bytes.trim_ascii_end(),
            bounded_lines::Line::TooLong => {
                return Err(Failure::usage(anyhow::anyhow!("{shown}: line {number}: {}", too_long(RECORD_BYTES_MAX))));
            }
        };
        if bytes.is_empty() {
            continue;
        }
        if lines.len() == RECORDS_MAX {
            return Err(Failure::usage(anyhow::anyhow!(
                "{shown} has more than {RECORDS_MAX} records; take a part of it"
            )));
        }
        // In Kafka every record has a time, which stands in where the ticket is silent.
        let timestamp = Some(Clock::Real.operating_now());
        lines.push(Line {
            number,
            record: RawRecord { value: Some(bytes.to_vec()), timestamp, ..RawRecord::default() },
        });
    }
    Ok(lines)
}

/// What became of all records.
#[derive(Debug, Default)]
pub(super) struct Report {
    mapping: MappingSummary,
    outcomes: BTreeMap<Outcome, u64>,
    actions: BTreeMap<ActionKind, u64>,
    reviews: BTreeMap<&'static str, u64>,
    rules: BTreeMap<&'static str, u64>,
    slices: BTreeMap<String, u64>,
    /// Line of the first dead letter, by class.
    first_dead_letters: BTreeMap<&'static str, u64>,
    stage: &'static str,
    has_model: bool,
}

/// Who answers.
pub(super) struct AnswerSource<'answer> {
    /// The acting model.
    pub(super) acting: Arc<ModelIdentity>,
    /// The answers to one ticket, acting first.
    pub(super) answer: &'answer mut dyn FnMut(&Ticket) -> Vec<Answer>,
}

/// Decides all records as the configuration stands. `source` is `None` where no model is loaded.
pub(super) fn examine(
    records: impl IntoIterator<Item = Line>,
    settings: &Settings,
    mut source: Option<AnswerSource<'_>>,
    clock: &Clock,
) -> Report {
    let ruling = ruling(settings, source.as_ref());
    let now = clock.operating_now();
    let mut view = RecentView::new(ViewLimits {
        window_ms: settings.triage.view_window.as_millis() as i64,
        records_max: settings.triage.view_records_max,
        storm_window_ms: settings.policy.storm.window_ms,
    });
    let mut report =
        Report { stage: settings.rollout.fixed_stage.as_str(), has_model: source.is_some(), ..Report::default() };
    for (offset, Line { number, record }) in records.into_iter().enumerate() {
        let explanation = explain_mapping(&record, &settings.intake);
        if let Intake::DeadLetter(reason) = &explanation.intake {
            report.first_dead_letters.entry(reason.class.as_str()).or_insert(number);
        }
        let intake = explanation.intake.clone();
        report.mapping.add(explanation);
        let one = One { offset: offset as i64, record: &record, intake: &intake, now };
        let decided = one.decide(&ruling, &mut view, source.as_mut());
        report.add(&decided);
    }
    report
}

/// What would be in force if `run` started now.
fn ruling(settings: &Settings, source: Option<&AnswerSource<'_>>) -> Ruling {
    let no_model = || {
        Arc::new(ModelIdentity {
            name: "none".to_owned(),
            version: String::new(),
            digest: Digest::default(),
            calibration_digest: Digest::default(),
            purpose: Purpose::Production,
        })
    };
    let acting = source.map_or_else(no_model, |source| Arc::clone(&source.acting));
    // No permit is taken here, so the device makes no difference.
    service::ruling(settings, &acting, "cpu", Surroundings::Desk)
}

/// One record on its way through the daemon's steps.
struct One<'check> {
    offset: i64,
    record: &'check RawRecord,
    intake: &'check Intake,
    now: UtcMillis,
}

impl One<'_> {
    fn ticket(&self) -> Option<&Ticket> {
        match self.intake {
            Intake::Ticket(ticket) => Some(ticket),
            Intake::Gone(_) | Intake::DeadLetter(_) => None,
        }
    }

    fn decide(&self, ruling: &Ruling, view: &mut RecentView, source: Option<&mut AnswerSource<'_>>) -> Decided {
        let ticket = self.ticket();
        let (event, ticket_id) = match self.intake {
            Intake::Ticket(ticket) => (Event::Ticket(ticket), Some(&ticket.ticket_id)),
            Intake::Gone(ticket_id) => (Event::Gone(ticket_id), Some(ticket_id)),
            Intake::DeadLetter(_) => (Event::NotATicket, None),
        };
        let facts = RecordFacts {
            event,
            appended_at: self.now,
            content_digest: identity::content_digest(self.record.value.as_deref()),
            digests: ticket.map(TicketDigests::of).unwrap_or_default(),
        };
        let moment =
            Moment { operating: self.now, desk: self.now, lease: Lease::Fixed, lease_ms_needed: 0, halted: false };
        let answers = match (source, ticket) {
            (Some(source), Some(ticket)) if asked_about(ruling, ticket, None) != Asked::Nobody => {
                (source.answer)(ticket)
            }
            (Some(_) | None, Some(_) | None) => Vec::new(),
        };
        let revision = ticket.and_then(|ticket| ticket.revision);
        let mut tentative = TentativeView::new(view);
        let known = tentative.facts(&Query {
            partition: 0,
            ticket_id,
            decision_group: ticket_id.map(|id| identity::decision_group(id, revision, facts.content_digest)),
            parent: ticket.and_then(parent_of),
            fingerprint: ticket.map(|_| facts.digests.fingerprint),
            slice: ticket.map_or("", |ticket| slice_of(&ruling.policy.slices, ticket).name.as_str()),
            desk_time: self.now,
        });
        let decided = decide(ruling, &moment, &known, &facts, &answers);
        let written = output_records(&DecidedRecord {
            position: &SourcePosition { topic: "check".to_owned(), partition: 0, offset: self.offset },
            raw: self.record,
            dead_letter: match self.intake {
                Intake::DeadLetter(reason) => Some(reason),
                Intake::Ticket(_) | Intake::Gone(_) => None,
            },
            facts: &facts,
            answers: &answers,
            decided: &decided,
            ruling,
            moment: &moment,
            latency: None,
        });
        let remembered = written.ok().and_then(|written| written.decision.remembered().ok());
        let remembered = remembered.expect("a decision that was just written can be remembered");
        tentative.remember(0, remembered);
        for (partition, remembered) in tentative.into_entries() {
            view.apply(partition, &remembered);
        }
        decided
    }
}

impl Report {
    fn add(&mut self, decided: &Decided) {
        *self.outcomes.entry(decided.outcome).or_default() += 1;
        if decided.outcome != Outcome::Decided {
            return;
        }
        *self.actions.entry(decided.action).or_default() += 1;
        *self.slices.entry(decided.slice.clone()).or_default() += 1;
        if let Some(review) = decided.review.as_ref().filter(|review| review.state == ReviewState::Open) {
            *self.reviews.entry(review.reason.as_str()).or_default() += 1;
        }
        for rule in &decided.rules {
            *self.rules.entry(rule.as_str()).or_default() += 1;
        }
    }

    /// Whether any record was a ticket.
    pub(super) fn has_tickets(&self) -> bool {
        self.mapping.tickets > 0
    }

    /// The report for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mapping = &self.mapping;
        let mut lines = vec![format!(
            "records: {} read, {} tickets, {} deletions, {} dead letters",
            mapping.records,
            mapping.tickets,
            mapping.gone,
            mapping.dead_letters.values().map(|(count, _)| count).sum::<u64>()
        )];
        for (class, (count, reason)) in &mapping.dead_letters {
            let first = self.first_dead_letters.get(class.as_str()).copied().unwrap_or_default();
            lines.push(format!("  dead letter {} × {count}, first in line {first}: {}", class.as_str(), reason.detail));
        }
        let mapped = mapping.mapped.iter().map(|((source, ours), count)| (format!("{source} → {ours}"), *count));
        table(&mut lines, "fields used (source → ours)", mapped.collect());
        table(&mut lines, "fields of the source that are left out", named(&mapping.unmapped));
        table(&mut lines, "fields of ours that stay empty", named(&mapping.missing));
        table(
            &mut lines,
            "severity words without a meaning (never automatic; see source.aliases.severity)",
            named(&mapping.unmapped_severities),
        );
        lines.push(if self.has_model {
            format!("decided by the configured models in stage {}:", self.stage)
        } else {
            format!("decided in stage {} without a model, so nothing is suggested and nothing automatic:", self.stage)
        });
        let outcomes = self.outcomes.iter().map(|(outcome, count)| (outcome.as_str().to_owned(), *count));
        table(&mut lines, "outcomes", outcomes.collect());
        let actions = self.actions.iter().map(|(action, count)| (action.as_str().to_owned(), *count));
        table(&mut lines, "actions of decided records", actions.collect());
        table(&mut lines, "to review, by reason", named(&self.reviews));
        table(&mut lines, "slices", named(&self.slices));
        table(&mut lines, "rules that fired", named(&self.rules));
        lines
    }

    /// The report for programs.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let mapping = &self.mapping;
        let dead_letters: BTreeMap<&str, serde_json::Value> = mapping
            .dead_letters
            .iter()
            .map(|(class, (count, reason))| {
                let first = self.first_dead_letters.get(class.as_str());
                (class.as_str(), json!({ "count": count, "first_line": first, "detail": reason.detail }))
            })
            .collect();
        let mapped: Vec<_> = mapping
            .mapped
            .iter()
            .map(|((source, ours), count)| json!({ "source": source, "field": ours, "records": count }))
            .collect();
        let outcomes: BTreeMap<&str, u64> =
            self.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect();
        let actions: BTreeMap<&str, u64> =
            self.actions.iter().map(|(action, count)| (action.as_str(), *count)).collect();
        json!({
            "records": mapping.records,
            "tickets": mapping.tickets,
            "gone": mapping.gone,
            "dead_letters": dead_letters,
            "mapped": mapped,
            "unmapped": mapping.unmapped,
            "missing": mapping.missing,
            "unmapped_severities": mapping.unmapped_severities,
            "stage": self.stage,
            "with_model": self.has_model,
            "outcomes": outcomes,
            "actions": actions,
            "reviews": self.reviews,
            "slices": self.slices,
            "rules": self.rules,
        })
    }
}

fn named<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> Vec<(String, u64)> {
    counts.iter().map(|(name, count)| (name.as_ref().to_owned(), *count)).collect()
}

/// A heading and its rows, most frequent first; nothing where there are none.
fn table(lines: &mut Vec<String>, heading: &str, mut rows: Vec<(String, u64)>) {
    if rows.is_empty() {
        return;
    }
    rows.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    lines.push(format!("{heading}:"));
    lines.extend(rows.iter().take(ROWS_SHOWN).map(|(name, count)| format!("  {count:>7}  {name}")));
    if rows.len() > ROWS_SHOWN {
        lines.push(format!("           and {} more (--json has all)", rows.len() - ROWS_SHOWN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::domain::prediction::{ModelRole, Prediction};
    use crate::domain::probability::SeverityDistribution;
    use crate::policy::ruling::DrawKey;

    fn settings(keys: &[(&str, &str)]) -> Settings {
        load(&Sources::built_in(keys, DrawKey([7; 16]))).expect("the configuration holds").settings
    }

    fn lines(values: &[&str]) -> Vec<Line> {
        let record = |value: &&str| RawRecord { value: Some(value.as_bytes().to_vec()), ..RawRecord::default() };
        (1..).zip(values).map(|(number, value)| Line { number, record: record(value) }).collect()
    }

    const TICKET: &str = r#"{"ticket_id":"T1","created_at":"2026-03-02T10:00:00Z","title":"port flaps","kind":"incident","category":"wireless","severity":{"reported":"P4"},"colour":"red"}"#;
    const AGAIN: &str = r#"{"ticket_id":"T1","created_at":"2026-03-02T10:00:00Z","title":"port flaps","kind":"incident","category":"wireless","severity":{"reported":"P4"},"colour":"blue"}"#;
    const STRANGE: &str =
        r#"{"ticket_id":"T2","created_at":"2026-03-02T10:00:00Z","title":"odd","severity":{"reported":"sev-9"}}"#;

    fn clock() -> Clock {
        Clock::manual(UtcMillis(1_772_445_600_000))
    }

    fn count<K: Ord>(counts: &BTreeMap<K, u64>, key: &K) -> u64 {
        counts.get(key).copied().unwrap_or_default()
    }

    #[test]
    fn a_file_is_read_field_by_field_and_decided_in_order() {
        let settings = settings(&[("rollout.fixed_stage", "suggest")]);
        let report = examine(lines(&[TICKET, AGAIN, STRANGE, "not json"]), &settings, None, &clock());
        assert_eq!(report.mapping.records, 4);
        assert_eq!(report.mapping.unmapped.keys().collect::<Vec<_>>(), ["/colour"]);
        assert_eq!(report.mapping.unmapped_severities.keys().collect::<Vec<_>>(), ["sev-9"]);
        assert_eq!(report.first_dead_letters.get("not_json"), Some(&4));
        assert_eq!(count(&report.outcomes, &Outcome::DeadLetter), 1);
        assert_eq!(count(&report.outcomes, &Outcome::Decided), 2);
        assert_eq!(
            count(&report.outcomes, &Outcome::Unchanged),
            1,
            "the second record changes nothing that the model sees"
        );
        let text = report.lines().join("\n");
        assert!(text.contains("first in line 4"), "{text}");
        assert!(text.contains("without a model, so nothing is suggested"), "{text}");
    }

    #[test]
    fn with_a_model_the_answers_are_decided() {
        let settings = settings(&[("rollout.fixed_stage", "suggest"), ("policy.draws.evidence_later", "0.01")]);
        let acting = Arc::new(ModelIdentity {
            name: "test".to_owned(),
            version: "1".to_owned(),
            digest: Digest::default(),
            calibration_digest: Digest::default(),
            purpose: Purpose::Production,
        });
        let model = Arc::clone(&acting);
        let mut answer = |_: &Ticket| {
            let severity = SeverityDistribution::try_new([0.01, 0.01, 0.01, 0.97]).expect("sums to one");
            let prediction = Prediction { severity, logits: [0.0; 4], causes: Vec::new(), truncated: false, tokens: 3 };
            vec![Answer { role: ModelRole::Acting, model: Arc::clone(&model), result: Ok(prediction), latency_ms: 1.0 }]
        };
        let source = AnswerSource { acting, answer: &mut answer };
        let report = examine(lines(&[TICKET]), &settings, Some(source), &clock());
        assert_eq!(count(&report.actions, &ActionKind::Suggest), 1, "{:#?}", report.lines());
        assert!(report.has_model);
    }

    #[test]
    fn a_file_without_a_ticket_does_not_hold() {
        let settings = settings(&[]);
        let report = examine(lines(&["{}", "[1]"]), &settings, None, &clock());
        assert!(!report.has_tickets());
        assert_eq!(report.to_json()["outcomes"]["dead_letter"], 2);
        assert!(!examine(Vec::new(), &settings, None, &clock()).has_tickets());
    }

    #[test]
    fn lines_are_numbered_as_in_the_file_and_empty_ones_are_left_out() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("tickets.jsonl");
        std::fs::write(&path, format!("{TICKET}\r\n\n\n{AGAIN}")).expect("can be written");
        let read = read_lines(&path).expect("can be read");
        assert_eq!(read.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(read[0].record.value.as_deref(), Some(TICKET.as_bytes()));
        assert!(read_lines(&directory.path().join("none")).is_err());
    }
}
