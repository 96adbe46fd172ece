//! Where the processor time of one ticket goes, stage by stage, in this process and without a broker.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use noctriage::config::{Sources, load};
use noctriage::daemon::service::{Surroundings, ruling};
use noctriage::domain::prediction::{Answer, ModelRole};
use noctriage::domain::time::UtcMillis;
use noctriage::inference::classifier::Classifier as _;
use noctriage::inference::zero::ZeroCost;
use noctriage::metrics::{LatencyParts, Metrics};
use noctriage::policy::identity::TicketDigests;
use noctriage::policy::recent_view::{Query, RecentView, TentativeView, ViewLimits, parent_of};
use noctriage::policy::ruling::{DrawKey, Lease, Moment};
use noctriage::policy::slices::slice_of;
use noctriage::policy::{Event, RecordFacts, decide, identity};
use noctriage::wire::decision::Latency;
use noctriage::wire::intake::{self, Intake, RawRecord};
use noctriage::wire::outputs::{DecidedRecord, output_records};
use noctriage::wire::remembered::read_back;
use noctriage::wire::values::SourcePosition;

use super::tickets;

const TICKETS: u64 = 20_000;
/// The append time of every ticket.
const NOW: UtcMillis = UtcMillis(1_795_514_400_000);

/// Time of each stage so far.
#[derive(Default)]
struct Stages(Vec<(&'static str, Duration)>);

impl Stages {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = work();
        let took = started.elapsed();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((name, took)),
        }
        done
    }
}

/// Prints microseconds per ticket of every stage.
pub(crate) fn run(drawn: f64) -> Result<()> {
    let drawn = drawn.to_string();
    let keys = [
        ("kafka.brokers", "127.0.0.1:1"),
        ("kafka.instance_id", "bench"),
        ("model.directory", "zero-cost"),
        ("policy.draws.evidence_shadow", drawn.as_str()),
    ];
    let settings = load(&Sources::built_in(&keys, DrawKey([7; 16])))?.settings;
    let mut model = ZeroCost::new();
    let identity = Arc::clone(&model.info().identity);
    let ruling = ruling(&settings, &identity, "cpu", Surroundings::Desk);
    let metrics = Metrics::new();
    let limits = ViewLimits { window_ms: 86_400_000, records_max: 200_000, storm_window_ms: 1_800_000 };
    let mut view = RecentView::new(limits);
    let moment = Moment { operating: NOW, desk: NOW, lease: Lease::Fixed, lease_ms_needed: 40_000, halted: false };
    let mut stages = Stages::default();
    let records: Vec<RawRecord> = (0..TICKETS)
        .map(|index| {
            let (key, value) = tickets::ticket(index);
            let key = Some(key.into_bytes());
            RawRecord { key, value: Some(value), headers: Vec::new(), timestamp: Some(NOW) }
        })
        .collect();
    for (batch, records) in records.chunks(500).enumerate() {
        let mut tentative = TentativeView::new(&view);
        for (index, raw) in records.iter().enumerate() {
            let offset = (batch * 500 + index) as i64;
            let content_digest = stages.time("content digest", || identity::content_digest(raw.value.as_deref()));
            let intake = stages.time("read", || intake::read(raw, &settings.intake));
            let Intake::Ticket(ticket) = intake else { anyhow::bail!("a ticket of the bench is none: {intake:?}") };
            let digests = stages.time("digests of the ticket", || TicketDigests::of(&ticket));
            let encoded = model.encode(&ticket).map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
            let result = model.classify(&[&encoded]).map_err(anyhow::Error::msg)?.remove(0);
            let answers = [ModelRole::Acting, ModelRole::Baseline].map(|role| Answer {
                role,
                model: Arc::clone(&identity),
                result: result.clone(),
                latency_ms: 0.1,
            });
            let facts = RecordFacts { event: Event::Ticket(&ticket), appended_at: NOW, content_digest, digests };
            let known = stages.time("view", || {
                tentative.facts(&Query {
                    partition: 0,
                    ticket_id: Some(&ticket.ticket_id),
                    decision_group: Some(identity::decision_group(&ticket.ticket_id, ticket.revision, content_digest)),
                    parent: parent_of(&ticket),
                    fingerprint: Some(digests.fingerprint),
                    slice: &slice_of(&ruling.policy.slices, &ticket).name,
                    desk_time: NOW,
                })
            });
            stages.time("guards (part of decide)", || black_box(ruling.policy.guards.hits(&ticket)));
            let decided = stages.time("decide", || decide(&ruling, &moment, &known, &facts, &answers));
            let latency = Latency { wait_ms: 1.0, engine_ms: 1.0, model_ms: vec![0.1, 0.1], decide_ms: 0.1 };
            let written = stages.time("write", || {
                output_records(&DecidedRecord {
                    position: &SourcePosition { topic: "tickets".into(), partition: 0, offset },
                    raw: &RawRecord::default(),
                    dead_letter: None,
                    facts: &facts,
                    answers: &answers,
                    decided: &decided,
                    ruling: &ruling,
                    moment: &moment,
                    latency: Some(&latency),
                })
            })?;
            stages.time("remember", || -> Result<()> {
                tentative.remember(0, written.decision.remembered()?);
                Ok(())
            })?;
            // As the tail reads what other instances decided.
            stages.time("read a decision in the tail", || -> Result<()> {
                black_box(read_back(&written.records[0].payload)?);
                Ok(())
            })?;
            stages.time("count", || {
                metrics.committed(&decided, None);
                metrics.latency(LatencyParts { total_ms: 1, wait_ms: 1, model_ms: Some(1), commit_ms: 1 });
            });
        }
        let entries = tentative.into_entries();
        stages.time("remember", || entries.iter().for_each(|(partition, entry)| view.apply(*partition, entry)));
    }
    println!("| stage | CPU per ticket |\n| --- | --- |");
    for (name, took) in &stages.0 {
        println!("| {name} | {:.1} us |", took.as_secs_f64() * 1e6 / TICKETS as f64);
    }
    // The guards are a part of another stage, timed once more by themselves.
    let sum: Duration = stages.0.iter().filter(|(name, _)| !name.starts_with("guards")).map(|(_, took)| *took).sum();
    println!("| all | {:.1} us |", sum.as_secs_f64() * 1e6 / TICKETS as f64);
    Ok(())
}
