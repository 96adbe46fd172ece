//! Evidence at start: 28 days of a busy desk folded from the bytes of their records, and one evaluation of all gates on it.
//!
//! ```text
//! cargo bench --bench evidence_fold -- [--days N] [--tickets N] [--drawn SHARE] [--slices N]
//! ```
//!
//! Every ticket has five revisions, of which four are `unchanged`, and one verdict. Records are made a day at a time and not
//! measured; what is measured is what the evidence thread does with each: reading the JSON and folding, on one thread. Kafka is
//! left out: a bare consumer reads ten times as many records a second (`benches/rebuild.rs`).
#![allow(clippy::print_stdout, reason = "a bench prints what it has measured")]

#[path = "support/usage.rs"]
#[allow(dead_code, reason = "other benches need the rest")]
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use noctriage::config::settings::Settings;
use noctriage::config::{Sources, load};
use noctriage::domain::digest::Digest;
use noctriage::domain::probability::Probability;
use noctriage::domain::stage::AutoAction;
use noctriage::domain::stage::{Share, Stage};
use noctriage::domain::time::UtcMillis;
use noctriage::kafka::evidence_reader::Gathered;
use noctriage::kafka::scan::Scanned;
use noctriage::policy::ruling::DrawKey;
use noctriage::rollout::closing::close;
use noctriage::rollout::decision::ModelKey;
use noctriage::rollout::evaluate::evaluate;
use noctriage::rollout::ladder::Position;
use noctriage::rollout::log::{Cut, EvidenceTopic};
use noctriage::rollout::reading::Evaluation;
use noctriage::rollout::spec::{RolloutSpec, SliceSpec};
use noctriage::rollout::state::{Basis, Held, OpenAccount, RolloutState, SliceState, Standing};
use noctriage::rollout::wrong::Permission;
use noctriage::wire::intake::RawRecord;
use usage::Usage;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The issue's bound for a start.
const START_MAX: Duration = Duration::from_secs(30);
/// Ours for an evaluation: a fifth of the time between two renewals of a lease, by default.
const EVALUATION_MAX: Duration = Duration::from_secs(3);
const PARTITIONS: usize = 12;
const REVISIONS: usize = 5;
const DAY_MS: i64 = 86_400_000;
/// Monday, 2 November 2026.
const FIRST_DAY: i64 = 20_759;

/// Evidence at start.
#[derive(clap::Parser)]
struct Arguments {
    /// Days behind the start.
    #[arg(long, default_value_t = 28)]
    days: i64,
    /// Tickets a day.
    #[arg(long, default_value_t = 20_000)]
    tickets: usize,
    /// Share of tickets in the evidence draw.
    #[arg(long, default_value_t = 0.1)]
    drawn: f64,
    /// Permission slices.
    #[arg(long, default_value_t = 3)]
    slices: usize,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let settings = load(&Sources::built_in(&[("verdicts.truth", "explicit")], DrawKey([7; 16])))
        .map_err(|errors| anyhow::anyhow!("{errors}"))?
        .settings;
    let before = Usage::of(std::process::id())?;
    let mut desk = Desk::new(&arguments);
    let (mut gathered, mut took) = (Gathered::default(), BTreeMap::<&str, Measured>::new());
    for day in 0..arguments.days {
        for (kind, topic, records) in desk.day(day) {
            let measured = took.entry(kind).or_default();
            measured.records += records.len();
            measured.bytes +=
                records.iter().filter_map(|scanned| scanned.record.value.as_ref()).map(Vec::len).sum::<usize>();
            let started = Instant::now();
            for scanned in &records {
                gathered.add(topic, scanned, &settings);
            }
            measured.took += started.elapsed();
        }
    }
    ensure!(gathered.unreadable_decisions == 0, "{} decisions are not readable", gathered.unreadable_decisions);
    ensure!(gathered.unreadable.is_empty(), "{:?} {:?}", gathered.unreadable, gathered.unreadable_examples);
    let all = took.values().map(|measured| measured.took).sum::<Duration>();
    println!("{} days of {} tickets, {} drawn", arguments.days, arguments.tickets, arguments.drawn);
    for (kind, Measured { records, bytes, took }) in &took {
        let per_second = *records as f64 / took.as_secs_f64();
        println!(
            "  {kind:<10} {records:>9} records, {:>6} bytes each: {:>6.2} s, {per_second:>9.0} a second",
            bytes / records,
            took.as_secs_f64()
        );
    }
    let after = Usage::of(std::process::id())?;
    println!(
        "folded in {:.2} s on one core (at most {} s on two), {} tickets, resident memory {:.0} MiB more",
        all.as_secs_f64(),
        START_MAX.as_secs(),
        gathered.evidence.len(),
        after.resident_mib - before.resident_mib
    );
    gates(&gathered, &desk, &arguments)?;
    ensure!(all <= START_MAX, "folding takes longer than {} s", START_MAX.as_secs());
    Ok(())
}

/// What reading one kind of record took.
#[derive(Default)]
struct Measured {
    records: usize,
    bytes: usize,
    took: Duration,
}

/// One evaluation of all gates: every slice at the first share of `auto_triage`, each with its next step.
fn gates(gathered: &Gathered, desk: &Desk, arguments: &Arguments) -> Result<()> {
    let now = UtcMillis((FIRST_DAY + arguments.days) * DAY_MS);
    let spec = desk.spec()?;
    let state = desk.state(&spec)?;
    let questions = state.questions(&spec);
    let mut longest = Duration::ZERO;
    let mut read: Option<Evaluation> = None;
    for _ in 0..3 {
        let started = Instant::now();
        read = Some(evaluate(&gathered.evidence, &questions, &spec, gathered.cut.clone(), now));
        longest = longest.max(started.elapsed());
    }
    let read = read.context("nothing was evaluated")?;
    let step = read.slices.first().and_then(|slice| slice.next.as_ref()).context("no step was read")?;
    let first: Vec<&str> = step.gates.iter().map(|gate| gate.sentence.as_str()).collect();
    println!(
        "one evaluation of {} slices, {} accounts in force: {:.2} s (at most {} s)",
        questions.len(),
        questions.iter().map(|question| question.in_force.len()).sum::<usize>(),
        longest.as_secs_f64(),
        EVALUATION_MAX.as_secs()
    );
    println!("  {}", first.join("\n  "));
    let started = Instant::now();
    let mut closing = state.clone();
    closing.closed = close(&gathered.evidence, &closing, &spec, &gathered.cut, now).map(Arc::new);
    closing.closed = close(&gathered.evidence, &closing, &spec, &gathered.cut, now.plus_ms(2 * DAY_MS)).map(Arc::new);
    println!("closing two days: {:.2} s", started.elapsed().as_secs_f64());
    ensure!(longest <= EVALUATION_MAX, "an evaluation takes longer than {} s", EVALUATION_MAX.as_secs());
    Ok(())
}

/// A desk whose records are made.
struct Desk {
    tickets: usize,
    drawn: f64,
    slices: Vec<String>,
    offsets: [i64; PARTITIONS],
    verdicts: i64,
    model: Digest,
}

impl Desk {
    fn new(arguments: &Arguments) -> Self {
        let mut slices: Vec<String> = (1..arguments.slices).map(|number| format!("slice-{number}")).collect();
        slices.push("rest".to_owned());
        Self {
            tickets: arguments.tickets,
            drawn: arguments.drawn,
            slices,
            offsets: [0; PARTITIONS],
            verdicts: 0,
            model: Digest::of(b"model"),
        }
    }

    /// Decisions and verdicts of one day, in the order of time: full ones first at each hour, then what is unchanged.
    fn day(&mut self, day: i64) -> Vec<(&'static str, EvidenceTopic, Vec<Scanned>)> {
        let (mut decided, mut unchanged, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..self.tickets {
            let opened = (FIRST_DAY + day) * DAY_MS + number as i64 * DAY_MS / self.tickets as i64;
            let (partition, id) = (number % PARTITIONS, format!("INC{:09}", day as usize * self.tickets + number));
            let is_drawn = is_drawn(number, day, self.drawn);
            let full = self.full(&id, number, day, opened, is_drawn);
            decided.push(self.decision(partition, opened, full));
            for revision in 1..REVISIONS {
                let at = opened + revision as i64 * 600_000;
                let text = unchanged_text(&id, revision, partition, at);
                unchanged.push(self.decision(partition, at, text));
            }
            let stated = opened + 7_200_000;
            verdicts.push(self.verdict(&id, number, day, stated));
        }
        vec![
            ("full", EvidenceTopic::Decisions, decided),
            ("unchanged", EvidenceTopic::Decisions, unchanged),
            ("verdicts", EvidenceTopic::Verdicts, verdicts),
        ]
    }

    fn decision(&mut self, partition: usize, at: i64, text: String) -> Scanned {
        let offset = self.offsets[partition];
        self.offsets[partition] += 1;
        scanned(partition as i32, offset, at, text)
    }

    fn verdict(&mut self, id: &str, number: usize, day: i64, at: i64) -> Scanned {
        let offset = self.verdicts;
        self.verdicts += 1;
        let severity = if mixed(number, day).is_multiple_of(100) { "high" } else { "low" };
        let text = format!(
            r#"{{"schema":"noctriage.verdict/v1","verdict_id":"v-{id}","ticket_id":"{id}","decided_at":"{}","reviewer":{{"id":"p-{}","role":"engineer"}},"kind":"triage","severity":"{severity}","closable":"yes","comment":"seen at the site"}}"#,
            stamp(at),
            number % 40
        );
        scanned(0, offset, at, text)
    }

    /// A full decision as the daemon writes it, with the answers of a model and of TF-IDF.
    fn full(&self, id: &str, number: usize, day: i64, opened: i64, is_drawn: bool) -> String {
        let (digest, at) = (self.model, stamp(opened));
        let fingerprint = Digest::of(format!("kind {}", mixed(number, day) % 50_000).as_bytes());
        let slice = &self.slices[number % self.slices.len()];
        let draw = |name: &str, rate: f64, drawn: bool| format!(r#""{name}":{{"rate":{rate},"drawn":{drawn}}}"#);
        let answer = |role: &str| {
            format!(
                r#"{{"role":"{role}","model":"{role}","version":"2026.11","digest":"{digest}","calibration_digest":"{digest}","purpose":"production","prediction":{{"severity":"low","tokens":180,"distribution":{{"critical":0.001,"high":0.004,"medium":0.0{:02},"low":0.97}}}}}}"#,
                number % 90 + 10
            )
        };
        let draws = [
            draw("evidence", self.drawn, is_drawn),
            draw("cohort", 0.25, false),
            draw("audit", 0.5, false),
            draw("second_reading", 0.05, false),
        ]
        .join(",");
        format!(
            r#"{{"schema":"noctriage.decision/v1","decision_id":"{}","decision_group":"{digest}","ticket_id":"{id}","revision":0,"source":{{"topic":"tickets","partition":{},"offset":{number}}},"appended_at":"{at}","outcome":"decided","action":"people","rules":["evidence_draw","confidence_low"],"review":{{"state":"open","reason":"sample","priority":3}},"basis":{{"content_digest":"{digest}","input_digest":"{digest}","slice":"{slice}","stage":"auto_triage","shares":{{"auto_triage":0.25,"auto_resolve":0.0}},"rollout_revision":7,"draws":{{{draws}}},"answers":[{},{}],"eligibility":{{"auto_triage":{{"reached":[0.8,0.9,0.95]}},"auto_resolve":{{"forbidden_by":["cause_not_listed"]}}}},"queue":"access","digests":{{"config":"{digest}","policy":"{digest}","eligibility":"{digest}"}},"facts":{{"fingerprint":"{fingerprint}","created_at":"{at}","created_at_origin":"ticket","updated_at":"{at}","revision_is_native":true,"status":"new","severity_reported":{{"value":"medium","set_by":"system"}},"kind":"incident","category":"wireless","vendor":"acme","device_type":"access_point","site":"site-{}","region":"north","customer_tier":"gold","channel":"monitoring","source_system":"itsm"}}}},"volatile":{{"desk_time":"{at}","latency":{{"wait_ms":12.5,"engine_ms":80.25,"model_ms":[70.0,1.5],"decide_ms":0.5}}}}}}"#,
            Digest::of(id.as_bytes()),
            number % PARTITIONS,
            answer("acting"),
            answer("baseline"),
            number % 300
        )
    }

    fn spec(&self) -> Result<RolloutSpec> {
        let settings: Settings =
            load(&Sources::built_in(&[], DrawKey([7; 16]))).map_err(|errors| anyhow::anyhow!("{errors}"))?.settings;
        let threshold = Probability::try_new(0.95)?;
        let slice = |name: &String| SliceSpec { name: Arc::from(name.as_str()), threshold };
        let slices = self.slices.iter().map(slice).collect();
        Ok(RolloutSpec { slices, ..RolloutSpec::clone(&settings.rollout.spec) })
    }

    /// Every slice at a share of `auto_triage`.
    fn state(&self, spec: &RolloutSpec) -> Result<RolloutState> {
        let model = ModelKey {
            name: "acting".to_owned(),
            version: "2026.11".to_owned(),
            digest: self.model,
            calibration_digest: self.model,
        };
        let basis = Basis { model: Arc::new(model), eligibility_digest: self.model };
        let began = UtcMillis(FIRST_DAY * DAY_MS);
        let position = Position::try_new(Stage::AutoTriage, [Share::try_new(0.25)?, Share::ZERO])?;
        let mut state = RolloutState { revision: 7, basis: Some(basis.clone()), ..RolloutState::default() };
        for slice in &spec.slices {
            let open = |permission| OpenAccount {
                permission,
                basis: basis.clone(),
                attempt: 1,
                threshold: slice.threshold,
                after: Cut::start(),
                opened_at: began,
            };
            let held = |permission: Permission| {
                let is_held = permission != Permission::Auto(AutoAction::Resolve);
                is_held.then(|| Held { threshold: slice.threshold, after: Cut::start() })
            };
            let opened = SliceState {
                standing: Standing { position, held: Permission::ALL.map(held) },
                accounts: Permission::ALL.map(open).to_vec(),
                ..SliceState::opened(began, 7)
            };
            state.slices.insert(Arc::clone(&slice.name), opened);
        }
        Ok(state)
    }
}

fn unchanged_text(id: &str, revision: usize, partition: usize, at: i64) -> String {
    let (digest, at) = (Digest::of(id.as_bytes()), stamp(at));
    format!(
        r#"{{"schema":"noctriage.decision/v1","decision_id":"{digest}","decision_group":"{digest}","ticket_id":"{id}","revision":{revision},"source":{{"topic":"tickets","partition":{partition},"offset":{revision}}},"appended_at":"{at}","outcome":"unchanged","volatile":{{"desk_time":"{at}"}}}}"#
    )
}

fn scanned(partition: i32, offset: i64, at: i64, text: String) -> Scanned {
    let record =
        RawRecord { key: None, value: Some(text.into_bytes()), headers: Vec::new(), timestamp: Some(UtcMillis(at)) };
    Scanned { partition, offset, record }
}

fn stamp(at: i64) -> String {
    noctriage::wire::values::Instant(UtcMillis(at)).to_string()
}

/// Numbers without a pattern, the same in every run.
fn mixed(number: usize, day: i64) -> u64 {
    let mut value = (number as u64 ^ (day as u64) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value ^= value >> 31;
    value.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

fn is_drawn(number: usize, day: i64, share: f64) -> bool {
    (mixed(number, day.wrapping_add(1_000)) % 10_000) as f64 <= share * 10_000.0
}
