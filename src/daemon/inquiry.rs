//! What the leader asks of the evidence, and the answer. The evidence thread owns the fold and answers between two rounds of
//! reading; what is computed here is a function of the fold, the question and an instant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::domain::digest::Digest;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::rollout::closing::{close, needed_since};
use crate::rollout::decision::ModelKey;
use crate::rollout::draw_rate::SlicePace;
use crate::rollout::evaluate::evaluate;
use crate::rollout::evidence::Evidence;
use crate::rollout::log::Cut;
use crate::rollout::pace::paces;
use crate::rollout::plan::{Candidate, EvaluationError, Facts};
use crate::rollout::reach::eligible_per_day;
use crate::rollout::reading::{Evaluation, SliceReport};
use crate::rollout::second_reading::second_readings;
use crate::rollout::spec::RolloutSpec;
use crate::rollout::state::RolloutState;
use crate::rollout::wrong::Permission;

/// Longest wait for an answer. An evaluation of four weeks takes seconds; a thread that is still reading its window answers
/// between two rounds.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A question and the way back.
#[derive(Debug)]
pub struct Inquiry {
    question: Question,
    reply: SyncSender<Answered>,
}

/// Which candidates there are.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The models.
    pub models: Vec<Arc<ModelKey>>,
    /// Whether they are read: costs as much again for each, and is needed only where somebody asks to switch.
    pub are_read: bool,
}

/// An answer.
#[derive(Debug)]
pub struct Answered {
    /// What the gates say.
    pub evaluation: Result<Evaluation, EvaluationError>,
    /// What the plan must know beside it.
    pub facts: Facts,
    /// The decision behind each ticket that a step-back or a hard stop may send to people again.
    pub decisions: BTreeMap<TicketId, Digest>,
}

/// The leader's end of the line.
#[derive(Clone, Debug)]
pub struct Inquirer {
    inquiries: SyncSender<Inquiry>,
}

/// The line: one question may wait.
pub fn line() -> (Inquirer, Receiver<Inquiry>) {
    let (inquiries, received) = sync_channel(1);
    (Inquirer { inquiries }, received)
}

/// What the leader wants to know.
#[derive(Debug)]
pub struct Question {
    /// Where the rollout stands.
    pub state: RolloutState,
    /// What the site has declared.
    pub spec: Arc<RolloutSpec>,
    /// The model that the configuration names as acting.
    pub configured: Arc<ModelKey>,
    /// Other models that are loaded.
    pub candidates: Candidates,
    /// Digest of all that decides eligibility.
    pub eligibility_digest: Digest,
    /// Desk time.
    pub now: UtcMillis,
}

impl Inquirer {
    /// Asks, and waits for the answer, in slices between which `is_over` is asked whether anybody still wants it.
    ///
    /// Without an answer, the reason is the evaluation, and the facts are those of the configuration alone.
    pub fn ask(&self, question: Question, is_over: impl Fn() -> bool) -> Answered {
        let without = question.facts(&Evidence::default(), &Cut::start(), None, None);
        self.answer_to(question, is_over).unwrap_or_else(|error| Answered {
            evaluation: Err(error),
            facts: without,
            decisions: BTreeMap::new(),
        })
    }

    fn answer_to(&self, question: Question, is_over: impl Fn() -> bool) -> Result<Answered, EvaluationError> {
        let (reply, answers) = sync_channel(1);
        match self.inquiries.try_send(Inquiry { question, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(EvaluationError("the evidence thread has not answered the question before".to_owned()));
            }
            Err(TrySendError::Disconnected(_)) => {
                return Err(EvaluationError("the evidence thread has ended".to_owned()));
            }
        }
        let slice = Duration::from_millis(200);
        let mut waited = Duration::ZERO;
        while waited < ANSWER_WITHIN && !is_over() {
            match answers.recv_timeout(slice) {
                Ok(answered) => return Ok(answered),
                Err(RecvTimeoutError::Timeout) => waited += slice,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(EvaluationError("the evidence thread has ended, or begun anew".to_owned()));
                }
            }
        }
        Err(EvaluationError(format!("the evidence thread has not answered within {} s", ANSWER_WITHIN.as_secs())))
    }
}

impl Inquiry {
    /// The instant that is asked about (desk time).
    pub const fn now(&self) -> UtcMillis {
        self.question.now
    }

    /// The first record that closing needs (append time); `None`: nothing was closed yet.
    pub fn open_since(&self) -> Option<UtcMillis> {
        self.question.state.closed.as_ref().map(|closed| needed_since(closed))
    }

    /// Answers on what is known; `behind_ms` is how far that is behind the ends of the logs (operating time), `None`: they
    /// have never been reached.
    pub fn answer(self, evidence: &Evidence, cut: &Cut, behind_ms: Option<i64>) {
        let Self { question, reply } = self;
        let evaluation = if behind_ms.is_some() {
            let questions = question.state.questions(&question.spec);
            Ok(evaluate(evidence, &questions, &question.spec, cut.clone(), question.now))
        } else {
            // A number of a part of the evidence would be a wrong number.
            Err(EvaluationError("the evidence has not been read to its end yet".to_owned()))
        };
        let answered = Answered {
            facts: question.facts(evidence, cut, behind_ms, evaluation.as_ref().ok()),
            decisions: evaluation.as_ref().map(|evaluation| decisions(evidence, evaluation)).unwrap_or_default(),
            evaluation,
        };
        if reply.try_send(answered).is_err() {
            tracing::debug!("nobody waits for the evaluation any more");
        }
    }
}

impl Question {
    fn facts(&self, evidence: &Evidence, cut: &Cut, behind_ms: Option<i64>, evaluation: Option<&Evaluation>) -> Facts {
        let candidate = |model: &Arc<ModelKey>| {
            let are_read = self.candidates.are_read && evaluation.is_some();
            let reports = |permission| -> Vec<SliceReport> {
                let questions = self.state.candidate_questions(model, permission, &self.spec);
                evaluate(evidence, &questions, &self.spec, cut.clone(), self.now).slices
            };
            let reports = if are_read { Permission::ALL.into_iter().flat_map(reports).collect() } else { Vec::new() };
            Candidate { model: Arc::clone(model), reports }
        };
        Facts {
            configured: Arc::clone(&self.configured),
            candidates: self.candidates.models.iter().map(candidate).collect(),
            eligibility_digest: self.eligibility_digest,
            second_readings: second_readings(evidence, &self.state),
            eligible_per_day: self.eligible_per_day(evidence),
            paces: self.paces(evidence, evaluation),
            cut: cut.clone(),
            evidence_behind_ms: behind_ms.unwrap_or(i64::MAX),
            closed: evaluation.and_then(|_| close(evidence, &self.state, &self.spec, cut, self.now)).map(Arc::new),
        }
    }
}

impl Question {
    fn eligible_per_day(&self, evidence: &Evidence) -> Vec<(Arc<str>, [Option<f64>; 2])> {
        let basis = self.state.basis.as_ref();
        basis.map(|basis| eligible_per_day(evidence, &self.spec, basis, self.now)).unwrap_or_default()
    }
}

impl Question {
    /// How fast evidence comes. Rates are read once a day, and this costs as much as an account of each slice.
    fn paces(&self, evidence: &Evidence, evaluation: Option<&Evaluation>) -> Vec<(Arc<str>, SlicePace)> {
        let today = self.spec.calendar.day(self.now);
        let is_due = evaluation.is_some() && self.state.read_on.is_some_and(|day| day < today);
        if is_due { paces(evidence, &self.state, &self.spec, self.now) } else { Vec::new() }
    }
}

/// Decision ids of all tickets that people may have to look at again.
fn decisions(evidence: &Evidence, evaluation: &Evaluation) -> BTreeMap<TicketId, Digest> {
    let watched = evaluation.slices.iter().flat_map(|slice| &slice.in_force);
    let tickets = watched.flat_map(|watch| watch.to_recheck.iter().chain(&watch.critical));
    let decision = |ticket: &TicketId| {
        let decided = evidence.ticket(ticket)?.decisions().last()?;
        Some((ticket.clone(), decided.value.decision_id))
    };
    tickets.filter_map(decision).collect()
}
