//! One term of a leader: from the election to whatever ends it. It reads what the last leader wrote, plans, and writes the
//! plan in one transaction with the lease and the position in `control`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::config::settings::KafkaSettings;
use crate::domain::time::UtcMillis;
use crate::failpoints;
use crate::kafka::control_tail::{Followed, TailFault, TopicTail};
use crate::kafka::fault::Fault;
use crate::kafka::leadership::{LeaderRecord, LeaderTopic, Leadership};
use crate::kafka::log::TransactionEnd;
use crate::kafka::scan::{ScanFrom, scan};
use crate::rollout::control::{ControlRecord, Signature};
use crate::rollout::plan::{EvaluationError, Plan, WhyNot, plan};
use crate::rollout::spec::RolloutSpec;
use crate::rollout::state::RolloutState;
use crate::rollout::transition::Transition;
use crate::wire::accounts::Impossible;
use crate::wire::checkpoint::{CheckpointRecord, Checkpoints};
use crate::wire::control;
use crate::wire::intake::RawRecord;
use crate::wire::rollout::{LEASE_KEY, LeaseRecord, MAP_KEY, MapRecord, ROLLOUT_SCHEMA};
use crate::wire::rollout_state::StateRecord;
use crate::wire::transaction::{TRANSACTION_HEADER, TransactionHeader};
use crate::wire::transition::{AuditRecord, REFUSAL_KEY, RefusalRecord, TransitionRecord};
use crate::wire::values::Instant;

use super::inquiry::Answered;

/// Longest wait for what stands in `rollout` when a term begins.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait until a renewal is read back. It is there once its transaction has committed; what takes so long is a broker
/// that is not well, and the lease is longer.
const READ_BACK_WITHIN: Duration = Duration::from_secs(10);
/// Longest single wait for a record of it.
const READ_STEP: Duration = Duration::from_millis(250);
/// Requests that may wait for their answer. More are not read from the group's position until some are answered.
pub(super) const REQUESTS_MAX: usize = 256;
/// Transitions that are looked at for the last revision, where `rollout` holds none.
const LAST_TRANSITIONS: u64 = 64;

/// Why a term ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum TermEnd {
    /// The brokers refuse this instance: another leads, or will.
    #[error("{0}")]
    Refused(Fault),
    /// What this leader wrote is not in `rollout` any more.
    #[error(
        "what this leader last wrote is not found in {topic}: {what}. It leads no more; whoever leads next begins from what is \
         there"
    )]
    NotFound {
        /// Name of the topic.
        topic: String,
        /// What was looked for.
        what: String,
    },
    /// Another instance has written a lease after ours.
    #[error("instance {0} has renewed the lease: it leads")]
    AnotherLeads(String),
    /// What stands in `rollout` cannot be read by this version.
    #[error(
        "{0}; this instance does not lead, and automatic actions end with the lease. hint: run the version that wrote it"
    )]
    Unreadable(String),
    /// Brokers do not answer.
    #[error("{0}")]
    Brokers(String),
}

/// A renewal of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Renewal {
    counter: u64,
    /// Where it lies, once it was read back.
    offset: Option<i64>,
}

/// What is stamped on every record of a term.
#[derive(Clone, Debug)]
struct Leader {
    instance: String,
    since: UtcMillis,
    length_ms: i64,
}

/// What stands in `rollout`.
#[derive(Default)]
struct Stands {
    lease: Option<(i64, LeaseRecord)>,
    map: Option<Vec<u8>>,
    checkpoints: Checkpoints,
}

/// What a step has done.
pub(super) struct Done {
    /// Whether to step again at once: a plan makes one transition, and the next one rests on another evaluation.
    pub(super) has_more: bool,
    /// Whether the lease was renewed.
    pub(super) renewal: Result<(), WhyNot>,
    /// What has changed, if anything has.
    pub(super) transition: Option<Transition>,
}

/// One term.
pub(super) struct Term {
    tail: TopicTail,
    leader: Leader,
    transactions: u64,
    renewals: u64,
    last: Option<Renewal>,
    state: RolloutState,
    /// Whether the map in `rollout` is the one of this state.
    is_map_written: bool,
    requests: VecDeque<ControlRecord>,
    next_offset: i64,
}

impl Term {
    /// Begins to lead. The order is what makes it safe: the group's position is told only when no transaction of an earlier
    /// leader can end any more, and only then is `rollout` read to its end.
    pub(super) fn begin(
        leadership: &mut Leadership,
        kafka: &KafkaSettings,
        length: Duration,
        now: UtcMillis,
    ) -> Result<Self, TermEnd> {
        leadership.lead().map_err(TermEnd::Refused)?;
        let committed = leadership.committed().map_err(TermEnd::Refused)?;
        let tail = TopicTail::open(kafka, &kafka.topics.rollout).map_err(brokers)?;
        let (_, end) = tail.ends().map_err(TermEnd::Refused)?;
        let mut stands = Stands::default();
        stands.read_to(&tail, end)?;
        let state = match &stands.map {
            Some(value) => read_state(value, &stands.checkpoints)?,
            None => from_shadow(kafka)?,
        };
        let next_offset = committed.unwrap_or_default().max(state.control_next);
        let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let leader = Leader { instance: kafka.instance_id.clone(), since: now, length_ms };
        tracing::info!(revision = state.revision, next_offset, "leading");
        Ok(Self {
            tail,
            leader,
            transactions: 0,
            renewals: 0,
            last: None,
            state,
            is_map_written: false,
            requests: VecDeque::new(),
            next_offset,
        })
    }

    /// Where the rollout stands.
    pub(super) const fn state(&self) -> &RolloutState {
        &self.state
    }

    /// Whether somebody waits for an answer.
    pub(super) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Whether somebody asks to switch the model.
    pub(super) fn is_switch_asked(&self) -> bool {
        self.requests.iter().any(|record| matches!(record.request.ask, crate::rollout::control::Ask::SwitchModel(_)))
    }

    /// Whether more requests can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.requests.len() < REQUESTS_MAX
    }

    /// Takes a record of `control`; what it asks, if it is new and asks for something.
    pub(super) fn take(&mut self, offset: i64, record: &RawRecord) -> Option<ControlRecord> {
        if offset < self.next_offset {
            return None;
        }
        let mut taken = None;
        match control::read(record.value.as_deref()) {
            Ok(request) => {
                let appended_at = record.timestamp.unwrap_or_default();
                let record = ControlRecord { offset, appended_at, request };
                self.requests.push_back(record.clone());
                taken = Some(record);
            }
            // The follower says what is wrong with it.
            Err(fault) => tracing::debug!(offset, %fault, "a record that asks for nothing"),
        }
        self.next_offset = self.next_offset.max(offset + 1);
        taken
    }

    /// Reads `rollout` on, and ends the term where it does not hold what this leader wrote.
    pub(super) fn look(&mut self) -> Result<(), TermEnd> {
        self.read_back()?;
        let (low, end) = self.tail.ends().map_err(TermEnd::Refused)?;
        match self.last {
            Some(Renewal { counter, offset: None }) => Err(self.not_found(format!("renewal {counter}"))),
            Some(Renewal { offset: Some(offset), .. }) if offset < low || offset >= end => {
                Err(self.not_found(format!("offset {offset} lies outside of {low} to {end}")))
            }
            Some(Renewal { .. }) | None => Ok(()),
        }
    }

    fn not_found(&self, what: String) -> TermEnd {
        TermEnd::NotFound { topic: self.tail.topic().to_owned(), what }
    }

    /// Reads what is new; a renewal that was not read back yet is waited for.
    fn read_back(&mut self) -> Result<(), TermEnd> {
        let steps = READ_BACK_WITHIN.as_millis() / READ_STEP.as_millis();
        let mut silent = 0;
        loop {
            let is_awaited = self.last.is_some_and(|renewal| renewal.offset.is_none());
            let wait = if is_awaited { READ_STEP } else { Duration::ZERO };
            match self.tail.next(wait).map_err(brokers)? {
                Some(Followed::Record { offset, record }) => {
                    let mut stands = Stands::default();
                    stands.take(offset, record)?;
                    self.compare(stands)?;
                }
                Some(Followed::End) => {}
                None if is_awaited && silent < steps => silent += 1,
                None => return Ok(()),
            }
        }
    }

    fn compare(&mut self, stands: Stands) -> Result<(), TermEnd> {
        let Some((offset, lease)) = stands.lease else { return Ok(()) };
        if lease.leader != self.leader.instance || lease.leading_since.0 != self.leader.since {
            return Err(TermEnd::AnotherLeads(lease.leader));
        }
        if let Some(last) = self.last.as_mut().filter(|last| last.counter == lease.counter) {
            last.offset = Some(offset);
        }
        Ok(())
    }

    /// Plans on an answer of the evidence and writes what follows.
    pub(super) fn step(
        &mut self,
        leadership: &Leadership,
        answered: &Answered,
        spec: &RolloutSpec,
        now: UtcMillis,
    ) -> Result<Done, TermEnd> {
        let requests = self.requests.make_contiguous();
        let mut plan = plan(&self.state, answered.evaluation.as_ref(), requests, &answered.facts, spec, now);
        if failpoints::fires("lease_not_renewed") {
            plan.renewal = Err(WhyNot::Evaluation(EvaluationError("failpoint".to_owned())));
        }
        let after = plan.after(&self.state);
        let records = self.records(&plan, &after, answered, spec, now)?;
        say(&plan);
        // Never behind a request that has not had its answer.
        let answered_up_to =
            self.requests.iter().map(|record| record.offset).find(|offset| *offset >= after.control_next);
        let next_offset = answered_up_to.unwrap_or(self.next_offset);
        match leadership.transact(&records, next_offset) {
            TransactionEnd::Committed => {}
            TransactionEnd::Aborted(fault) | TransactionEnd::Lost(fault) => return Err(TermEnd::Refused(fault)),
        }
        if plan.renewal.is_ok() {
            self.last = Some(Renewal { counter: self.renewals, offset: None });
        }
        self.is_map_written = true;
        self.state = after;
        let control_next = self.state.control_next;
        self.requests.retain(|record| record.offset >= control_next);
        let has_more = plan.transition.is_some() || !self.requests.is_empty();
        Ok(Done { has_more, renewal: plan.renewal, transition: plan.transition })
    }

    fn records(
        &mut self,
        plan: &Plan,
        after: &RolloutState,
        answered: &Answered,
        spec: &RolloutSpec,
        now: UtcMillis,
    ) -> Result<Vec<LeaderRecord>, TermEnd> {
        let mut records = Vec::new();
        let mut add = |topic, key: &str, payload: Result<Vec<u8>, serde_json::Error>| match payload {
            Ok(payload) => {
                records.push(LeaderRecord { topic, key: key.as_bytes().to_vec(), payload, headers: Vec::new() });
                Ok(())
            }
            Err(error) => Err(TermEnd::Unreadable(format!("writing {key}: {error}"))),
        };
        // Before the map, with which they are read.
        for (key, record) in plan.closed.iter().flat_map(|closed| CheckpointRecord::all_of(closed)) {
            add(LeaderTopic::Rollout, &key, serde_json::to_vec(&record))?;
        }
        if *after != self.state || !self.is_map_written {
            add(LeaderTopic::Rollout, MAP_KEY, serde_json::to_vec(&self.map_record(after, spec, now)))?;
        }
        if let Some(transition) = &plan.transition {
            let key = transition.revision.to_string();
            let record = TransitionRecord::of(transition, &self.leader.instance, Instant(now));
            add(LeaderTopic::Transitions, &key, serde_json::to_vec(&record))?;
        }
        for refused in &plan.refused {
            let record = RefusalRecord::of(refused, self.state.revision, Instant(now));
            add(LeaderTopic::Transitions, REFUSAL_KEY, serde_json::to_vec(&record))?;
        }
        for item in super::rechecks::items(plan, &answered.decisions) {
            let key = item.ticket_id.clone().unwrap_or_default();
            add(LeaderTopic::Review, &key, serde_json::to_vec(&item))?;
        }
        // The lease last: whoever reads it has read all that it is for.
        if plan.renewal.is_ok() {
            self.renewals += 1;
            add(LeaderTopic::Rollout, LEASE_KEY, serde_json::to_vec(&self.lease_record(after.revision)))?;
        }
        self.transactions += 1;
        stamp(&mut records, &self.leader, self.transactions);
        Ok(records)
    }

    fn map_record(&self, state: &RolloutState, spec: &RolloutSpec, now: UtcMillis) -> MapRecord {
        MapRecord {
            schema: ROLLOUT_SCHEMA.to_owned(),
            rollout_revision: state.revision,
            leader: self.leader.instance.clone(),
            written_at: Instant(now),
            permissions: MapRecord::permissions_of(&state.stage_map(spec)),
            state: StateRecord::from(state),
        }
    }

    fn lease_record(&self, rollout_revision: u64) -> LeaseRecord {
        LeaseRecord {
            schema: ROLLOUT_SCHEMA.to_owned(),
            leader: self.leader.instance.clone(),
            leading_since: Instant(self.leader.since),
            counter: self.renewals,
            length_ms: self.leader.length_ms,
            rollout_revision,
        }
    }
}

/// The same header on every record of one transaction, as triage does it.
fn stamp(records: &mut [LeaderRecord], leader: &Leader, counter: u64) {
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let instance = format!("{}/controller", leader.instance);
    let header = TransactionHeader { instance, start_ms: leader.since.0, counter, count }.to_string();
    for record in records {
        record.headers.push((TRANSACTION_HEADER.to_owned(), header.clone().into_bytes()));
    }
}

impl Stands {
    fn take(&mut self, offset: i64, record: RawRecord) -> Result<(), TermEnd> {
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        match (key, record.value) {
            (Some(LEASE_KEY), Some(value)) => {
                let lease = LeaseRecord::read(&value).map_err(|fault| TermEnd::Unreadable(fault.to_string()))?;
                self.lease = Some((offset, lease));
            }
            (Some(MAP_KEY), value) => self.map = value,
            (Some(key), value) => self.checkpoints.take(key, value),
            (None, Some(_) | None) => {}
        }
        Ok(())
    }

    /// Reads up to an end that is known to be there.
    fn read_to(&mut self, tail: &TopicTail, end: i64) -> Result<(), TermEnd> {
        if end == 0 {
            return Ok(());
        }
        let steps = READ_WITHIN.as_millis() / READ_STEP.as_millis();
        let mut silent = 0;
        while silent < steps {
            match tail.next(READ_STEP).map_err(brokers)? {
                Some(Followed::Record { offset, record }) => {
                    silent = 0;
                    self.take(offset, record)?;
                }
                // Asked for before it was read: nothing that stood there then is missing now.
                Some(Followed::End) => return Ok(()),
                None => silent += 1,
            }
        }
        Err(TermEnd::Brokers(format!("{}: its end was not reached within {} s", tail.topic(), READ_WITHIN.as_secs())))
    }
}

fn brokers(fault: TailFault) -> TermEnd {
    TermEnd::Brokers(fault.to_string())
}

fn read_state(value: &[u8], checkpoints: &Checkpoints) -> Result<RolloutState, TermEnd> {
    let record = MapRecord::read(value).map_err(|fault| TermEnd::Unreadable(fault.to_string()))?;
    let state: Result<RolloutState, Impossible> = record.state.try_into();
    let state = state.map_err(|impossible| TermEnd::Unreadable(format!("the state of the rollout: {impossible}")))?;
    let closed = checkpoints.closed().map_err(|fault| TermEnd::Unreadable(fault.to_string()))?;
    Ok(RolloutState { closed: closed.map(Arc::new), ..state })
}

/// There is no map: the rollout begins, or was lost. Its revisions go on where the audit trail ends, so that no request and
/// no command of before is taken for one of now.
fn from_shadow(kafka: &KafkaSettings) -> Result<RolloutState, TermEnd> {
    let mut revision = 0;
    scan(
        kafka,
        &kafka.topics.transitions,
        ScanFrom::Last(LAST_TRANSITIONS),
        |scanned| {
            let value = scanned.record.value.as_deref().unwrap_or_default();
            revision = revision.max(AuditRecord::read(value).map_or(0, |record| record.rollout_revision()));
        },
        |_| {},
    )
    .map_err(|error| TermEnd::Brokers(error.to_string()))?;
    if revision == 0 {
        tracing::info!("there is no rollout yet: every slice begins in shadow");
    } else {
        tracing::error!(
            revision,
            "the rollout topic holds no stage map although transitions were made: every slice begins again from shadow"
        );
    }
    Ok(RolloutState { revision, void_before: revision, ..RolloutState::default() })
}

/// What people should know of a plan.
fn say(plan: &Plan) {
    if let Some(transition) = &plan.transition {
        tracing::warn!(
            revision = transition.revision,
            kind = transition.kind.as_str(),
            cause = %transition.cause,
            who = transition.signed.as_ref().map(Signature::who),
            "the rollout changes"
        );
    }
    for refused in &plan.refused {
        tracing::warn!(offset = refused.offset, why = %refused.why, "a request is refused");
    }
}
