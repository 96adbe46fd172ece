//! The engine: one thread that owns all models. Jobs go in through a bounded queue, answers come back through the
//! closure that was given at the start; nobody else touches a model.
//!
//! Inside, the tickets of a job are encoded, sorted by length, packed to a token budget and answered in their own
//! order. Deadlines are the caller's: here a job that the caller has given up is skipped between two passes, nothing
//! more. The thread never waits for anything but its queue, so that its heartbeat is silent only while a pass runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::domain::prediction::{Answer, ModelIdentity, ModelRole, Prediction, TicketFault};
use crate::domain::ticket::Ticket;

use super::batch::{ROWS_MAX, classify_all};
use super::bisect::classify_isolated;
use super::classifier::{Classifier, Encoded, ModelInfo};

/// Jobs that may wait. The caller has at most one batch per engine in flight beside the one that is being filled; more
/// would only grow the queue of records that an abort has to seek back.
pub const JOBS_WAITING_MAX: usize = 4;

/// An idle engine shows that it lives this often.
const IDLE_HEARTBEAT: Duration = Duration::from_millis(250);

/// Tickets to classify.
#[derive(Debug)]
pub struct Job {
    /// Ascending number chosen by the caller.
    pub id: u64,
    /// The tickets.
    pub tickets: Vec<Arc<Ticket>>,
    /// Rows of those in the evidence draw, ascending: candidates are asked about these and no others.
    pub drawn: Vec<usize>,
    /// Which model acts; `None`, or one that is not loaded: the one that the engine was started with.
    pub acting: Option<Arc<ModelIdentity>>,
}

/// The answers to one job.
#[derive(Debug)]
pub struct JobAnswers {
    /// The job's number.
    pub id: u64,
    /// For each ticket, in order, one answer per model that was asked: acting, baseline, candidates.
    pub answers: Vec<Vec<Answer>>,
}

/// The models that answer every ticket.
pub struct EngineModels {
    /// Whose answers are used.
    pub acting: Box<dyn Classifier>,
    /// The live baseline.
    pub baseline: Option<Box<dyn Classifier>>,
    /// Those that are only compared.
    pub candidates: Vec<Box<dyn Classifier>>,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The operating system gave no thread.
    #[error("the engine thread could not be started")]
    Thread(#[source] std::io::Error),
    /// A model fails on a text of its own greatest length.
    #[error("model {model} fails on an input of {tokens} tokens, its own limit: {fault}")]
    WarmUp {
        /// Name and version.
        model: String,
        /// Length of the input.
        tokens: usize,
        /// What it said.
        fault: String,
    },
    /// The thread ended before it was warm.
    #[error("the engine thread ended before it was ready")]
    Ended,
}

/// Why a job was not taken; it comes back.
#[derive(Debug)]
pub enum SubmitError {
    /// The queue is full: back-pressure, try again later.
    Full(Job),
    /// The thread has ended.
    Stopped(Job),
}

/// What the engine and its owner both look at.
#[derive(Debug, Default)]
struct Shared {
    progress_ms: AtomicU64,
    oldest_live_job: AtomicU64,
}

/// A running engine. Dropping it closes the queue, lets the pass in progress end and joins the thread.
#[derive(Debug)]
pub struct Engine {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    infos: Vec<(ModelRole, ModelInfo)>,
}

/// Milliseconds of a monotonic clock.
pub type ClockMs = Box<dyn Fn() -> u64 + Send>;

/// Takes the answers of a job; called on the engine's thread, must not block for long.
pub type Deliver = Box<dyn Fn(JobAnswers) + Send>;

impl Engine {
    /// Starts the thread and returns when every model has run its largest shape once, so that the first ticket finds
    /// memory allocated and pages touched.
    ///
    /// `batch_tokens_max` bounds the tokens of one pass, padding included.
    ///
    /// # Errors
    /// No thread, or a model that fails on its own limit.
    pub fn start(
        models: EngineModels,
        batch_tokens_max: usize,
        now_ms: ClockMs,
        deliver: Deliver,
    ) -> Result<Self, EngineError> {
        let models = in_order(models);
        let infos = models.iter().map(|(role, model)| (*role, model.info().clone())).collect();
        let (jobs, queue) = sync_channel(JOBS_WAITING_MAX);
        let (ready, warmed) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let mut worker =
            Worker { models, batch_tokens_max, now_ms, deliver, shared: Arc::clone(&shared), passes: Duration::ZERO };
        let body = move || {
            let outcome = worker.warm_up();
            let is_warm = outcome.is_ok();
            if ready.send(outcome).is_ok() && is_warm {
                worker.work(&queue);
            }
        };
        let thread = std::thread::Builder::new().name("engine".into()).spawn(body).map_err(EngineError::Thread)?;
        match warmed.recv() {
            Ok(Ok(())) => Ok(Self { jobs: Some(jobs), thread: Some(thread), shared, infos }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(EngineError::Ended),
        }
    }

    /// The models in the order of every ticket's answers.
    pub fn models(&self) -> &[(ModelRole, ModelInfo)] {
        &self.infos
    }

    /// Hands a job in without waiting.
    ///
    /// # Errors
    /// A full queue or an ended thread; the job comes back.
    pub fn submit(&self, job: Job) -> Result<(), SubmitError> {
        let Some(jobs) = &self.jobs else { return Err(SubmitError::Stopped(job)) };
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) => SubmitError::Full(job),
            TrySendError::Disconnected(job) => SubmitError::Stopped(job),
        })
    }

    /// Jobs below this number are given up: the engine may skip what it has not begun, and then does not answer.
    pub fn give_up_before(&self, id: u64) {
        self.shared.oldest_live_job.fetch_max(id, Ordering::Relaxed);
    }

    /// When the engine last showed that it lives, on the clock that was given at the start.
    pub fn last_progress_ms(&self) -> u64 {
        self.shared.progress_ms.load(Ordering::Relaxed)
    }

    /// Whether the thread still runs.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Whoever drops the engine no longer waits for answers.
        self.give_up_before(u64::MAX);
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine thread had panicked");
        }
    }
}

fn in_order(models: EngineModels) -> Vec<(ModelRole, Box<dyn Classifier>)> {
    let EngineModels { acting, baseline, candidates } = models;
    let acting = [(ModelRole::Acting, acting)];
    let baseline = baseline.map(|model| (ModelRole::Baseline, model));
    let candidates = candidates.into_iter().map(|model| (ModelRole::Candidate, model));
    acting.into_iter().chain(baseline).chain(candidates).collect()
}

struct Worker {
    models: Vec<(ModelRole, Box<dyn Classifier>)>,
    batch_tokens_max: usize,
    now_ms: ClockMs,
    deliver: Deliver,
    shared: Arc<Shared>,
    passes: Duration,
}

impl Worker {
    fn beat(&self) {
        self.shared.progress_ms.store((self.now_ms)(), Ordering::Relaxed);
    }

    fn warm_up(&mut self) -> Result<(), EngineError> {
        self.beat();
        for (_, model) in &mut self.models {
            let tokens = model.info().tokens_max;
            let row = largest_input(tokens);
            let rows = (self.batch_tokens_max / tokens).clamp(1, ROWS_MAX);
            let batch = vec![&row; rows];
            // NaN from a row of nothing but zeros says nothing about tickets; a failure of the pass does.
            if let Some(Err(TicketFault::Failed(fault))) = classify_isolated(model.as_mut(), &batch).pop() {
                let identity = &model.info().identity;
                return Err(EngineError::WarmUp {
                    model: format!("{} {}", identity.name, identity.version),
                    tokens,
                    fault,
                });
            }
        }
        self.beat();
        Ok(())
    }

    fn work(&mut self, queue: &Receiver<Job>) {
        loop {
            self.beat();
            match queue.recv_timeout(IDLE_HEARTBEAT) {
                Ok(job) => {
                    let id = job.id;
                    if let Some(answers) = self.answer(&job) {
                        (self.deliver)(JobAnswers { id, answers });
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Answers of all models for all tickets; `None` when the job was given up on the way.
    fn answer(&mut self, job: &Job) -> Option<Vec<Vec<Answer>>> {
        let mut answers: Vec<Vec<Answer>> = job.tickets.iter().map(|_| Vec::with_capacity(self.models.len())).collect();
        for (index, role) in self.roles(job.acting.as_deref()) {
            self.passes = Duration::ZERO;
            let results = self.ask(index, role, job)?;
            let (_, model) = &self.models[index];
            let latency_ms = self.passes.as_secs_f64() * 1000.0;
            for (row, result) in rows_of(role, job).zip(results) {
                let model = Arc::clone(&model.info().identity);
                answers[row].push(Answer { role, model, result, latency_ms });
            }
        }
        Some(answers)
    }

    /// In which order models are asked, and in which capacity: after a switch a candidate acts, and what acted is a candidate.
    fn roles(&self, acting: Option<&ModelIdentity>) -> Vec<(usize, ModelRole)> {
        let key = |identity: &ModelIdentity| (identity.digest, identity.calibration_digest);
        let is_wanted =
            |model: &dyn Classifier| acting.is_some_and(|acting| key(acting) == key(&model.info().identity));
        let started: Vec<(usize, ModelRole)> = self.models.iter().map(|(role, _)| *role).enumerate().collect();
        let is_candidate = |(role, model): &(ModelRole, Box<dyn Classifier>)| {
            *role == ModelRole::Candidate && is_wanted(model.as_ref())
        };
        let acts_already =
            |(role, model): &(ModelRole, Box<dyn Classifier>)| *role == ModelRole::Acting && is_wanted(model.as_ref());
        let switched = self.models.iter().position(is_candidate).filter(|_| !self.models.iter().any(acts_already));
        let Some(switched) = switched else { return started };
        let role_of = |index: usize, role: ModelRole| match role {
            ModelRole::Acting => ModelRole::Candidate,
            ModelRole::Candidate if index == switched => ModelRole::Acting,
            ModelRole::Baseline | ModelRole::Candidate => role,
        };
        let mut roles: Vec<(usize, ModelRole)> =
            started.into_iter().map(|(index, role)| (index, role_of(index, role))).collect();
        let rank = |role: ModelRole| match role {
            ModelRole::Acting => 0,
            ModelRole::Baseline => 1,
            ModelRole::Candidate => 2,
        };
        roles.sort_by_key(|(_, role)| rank(*role));
        roles
    }

    fn ask(&mut self, index: usize, role: ModelRole, job: &Job) -> Option<Vec<Result<Prediction, TicketFault>>> {
        let Self { models, batch_tokens_max, now_ms, shared, passes, deliver: _ } = self;
        let before_pass = || shared.oldest_live_job.load(Ordering::Relaxed) <= job.id;
        let after_pass = |taken: Duration| {
            *passes += taken;
            shared.progress_ms.store(now_ms(), Ordering::Relaxed);
        };
        let (_, model) = &mut models[index];
        let tickets = rows_of(role, job).map(|row| job.tickets[row].as_ref());
        classify_all(model.as_mut(), tickets, *batch_tokens_max, before_pass, after_pass)
    }
}

/// The rows that a model is asked about.
fn rows_of(role: ModelRole, job: &Job) -> Box<dyn Iterator<Item = usize> + '_> {
    match role {
        ModelRole::Acting | ModelRole::Baseline => Box::new(0..job.tickets.len()),
        ModelRole::Candidate => Box::new(job.drawn.iter().copied().filter(|row| *row < job.tickets.len())),
    }
}

/// An input as long as the model takes; zeros are ids of every vocabulary.
fn largest_input(tokens: usize) -> Encoded {
    let row = || Encoded { ids: vec![0; tokens], ..Encoded::default() };
    Encoded { second: Some(Box::new(row())), ..row() }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::domain::probability::SeverityDistribution;
    use crate::domain::ticket::TicketId;
    use crate::domain::time::UtcMillis;
    use crate::inference::zero::ZeroCost;

    /// Reads the title as a command: its length is the ticket's length, `panic`, `error` and `nan` misbehave.
    struct Scripted {
        info: ModelInfo,
        batches: Arc<std::sync::Mutex<Vec<usize>>>,
    }

    impl Scripted {
        fn new(batches: &Arc<std::sync::Mutex<Vec<usize>>>) -> Self {
            let info = ModelInfo { architecture: "scripted", tokens_max: 8, ..ZeroCost::new().info().clone() };
            Self { info, batches: Arc::clone(batches) }
        }
    }

    impl Classifier for Scripted {
        fn info(&self) -> &ModelInfo {
            &self.info
        }

        fn encode(&self, ticket: &Ticket) -> Result<Encoded, TicketFault> {
            let title = ticket.title.clone().unwrap_or_default();
            assert_ne!(title, "encode panics");
            Ok(Encoded { ids: title.bytes().map(u32::from).collect(), ..Encoded::default() })
        }

        fn classify(&mut self, batch: &[&Encoded]) -> Result<Vec<Result<Prediction, TicketFault>>, String> {
            self.batches.lock().expect("no panic holds the lock").push(batch.len());
            let word = |row: &Encoded| row.ids.iter().filter_map(|id| char::from_u32(*id)).collect::<String>();
            assert!(batch.iter().all(|row| word(row) != "panic"), "poisoned");
            if batch.iter().any(|row| word(row) == "error") {
                return Err("out of memory".into());
            }
            let answer = |row: &&Encoded| {
                let logit = if word(row) == "nan" { f64::NAN } else { row.ids.len() as f64 };
                let logits = [0.0, 0.0, 0.0, logit];
                let severity = SeverityDistribution::from_logits(logits).map_err(|_| TicketFault::NotFinite)?;
                Ok(Prediction { severity, logits, causes: vec![], truncated: false, tokens: row.ids.len() as u32 })
            };
            Ok(batch.iter().map(answer).collect())
        }
    }

    fn tickets(titles: &[&str]) -> Vec<Arc<Ticket>> {
        let ticket = |title: &&str| {
            let id = TicketId::try_new("T1").expect("a short id");
            Arc::new(Ticket::minimal(id, title, UtcMillis(0)))
        };
        titles.iter().map(ticket).collect()
    }

    /// What the engine answers to one job, and the sizes of its passes (warm-up left out).
    fn answers(titles: &[&str], batch_tokens_max: usize) -> (Vec<Result<Prediction, TicketFault>>, Vec<usize>) {
        let batches = Arc::default();
        let models = EngineModels { acting: Box::new(Scripted::new(&batches)), baseline: None, candidates: Vec::new() };
        let (sender, receiver) = sync_channel(1);
        let deliver = Box::new(move |answers| sender.send(answers).expect("the test waits"));
        let engine = Engine::start(models, batch_tokens_max, Box::new(|| 7), deliver).expect("starts");
        batches.lock().expect("no panic holds the lock").clear();
        engine
            .submit(Job { id: 1, drawn: (0..titles.len()).collect(), tickets: tickets(titles), acting: None })
            .expect("an empty queue");
        let JobAnswers { id, answers } = receiver.recv().expect("an answer");
        assert_eq!((id, engine.last_progress_ms()), (1, 7));
        let passes = batches.lock().expect("no panic holds the lock").clone();
        (answers.into_iter().map(|mut answers| answers.remove(0).result).collect(), passes)
    }

    #[test]
    fn answers_come_in_the_order_of_the_tickets_whatever_their_length() {
        let (results, passes) = answers(&["aaaa", "a", "aaa", "aa", "aaaaa"], 8);
        let lengths: Vec<u32> = results.into_iter().map(|result| result.expect("an answer").tokens).collect();
        assert_eq!(lengths, [4, 1, 3, 2, 5]);
        assert_eq!(passes, [2, 2, 1]);
    }

    #[test]
    fn one_poisoned_row_fails_alone() {
        let (results, _) = answers(&["a", "panic", "b", "error", "nan", "encode panics", "c"], 1000);
        let faults: Vec<&str> =
            results.iter().map(|result| result.as_ref().map_or_else(TicketFault::as_str, |_| "answered")).collect();
        assert_eq!(faults, ["answered", "failed", "answered", "failed", "not_finite", "encoding", "answered"]);
    }

    #[test]
    fn an_empty_job_is_answered() {
        assert_eq!(answers(&[], 100).0, []);
    }

    #[test]
    fn every_model_answers_in_its_role_and_candidates_only_what_is_drawn() {
        let (sender, receiver) = sync_channel(1);
        let models = EngineModels {
            acting: Box::new(ZeroCost::new()),
            baseline: Some(Box::new(ZeroCost::new())),
            candidates: vec![Box::new(ZeroCost::new()), Box::new(ZeroCost::new())],
        };
        let deliver = Box::new(move |answers| sender.send(answers).expect("the test waits"));
        let engine = Engine::start(models, 64, Box::new(|| 0), deliver).expect("starts");
        engine
            .submit(Job { id: 3, tickets: tickets(&["a", "b", "c"]), drawn: vec![1], acting: None })
            .expect("an empty queue");
        let JobAnswers { id: _, answers } = receiver.recv().expect("an answer");
        let roles = |row: usize| answers[row].iter().map(|answer| answer.role).collect::<Vec<_>>();
        assert_eq!(roles(0), [ModelRole::Acting, ModelRole::Baseline]);
        assert_eq!(roles(1), [ModelRole::Acting, ModelRole::Baseline, ModelRole::Candidate, ModelRole::Candidate]);
        assert_eq!(roles(2), roles(0));
        assert_eq!(&answers[1][0].result, &answers[1][3].result);
    }

    #[test]
    fn after_a_switch_a_candidate_acts_on_every_ticket_and_what_acted_is_a_candidate() {
        use ModelRole::{Acting, Baseline, Candidate};
        let (sender, receiver) = sync_channel(1);
        let other = |number: u8| {
            let mut scripted = Scripted::new(&Arc::default());
            let identity = ModelIdentity::clone(&scripted.info.identity);
            scripted.info.identity =
                Arc::new(ModelIdentity { digest: crate::domain::digest::Digest([number; 32]), ..identity });
            scripted
        };
        let identities = [1, 2].map(|number| Arc::clone(&other(number).info.identity));
        let models = EngineModels {
            acting: Box::new(other(0)),
            baseline: Some(Box::new(ZeroCost::new())),
            candidates: vec![Box::new(other(1)), Box::new(other(2))],
        };
        let deliver = Box::new(move |answers| sender.send(answers).expect("the test waits"));
        let engine = Engine::start(models, 64, Box::new(|| 0), deliver).expect("starts");
        let ask = |id, acting: Option<Arc<ModelIdentity>>| {
            engine.submit(Job { id, tickets: tickets(&["a", "b"]), drawn: vec![1], acting }).expect("an empty queue");
            let JobAnswers { answers, .. } = receiver.recv().expect("an answer");
            let said = |answer: &Answer| (answer.role, answer.model.digest.0[0]);
            answers.iter().map(|row| row.iter().map(said).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let switched = ask(1, Some(Arc::clone(&identities[1])));
        let zero = switched[0][1].1;
        assert_eq!(switched[0], [(Acting, 2), (Baseline, zero)]);
        assert_eq!(switched[1], [(Acting, 2), (Baseline, zero), (Candidate, 0), (Candidate, 1)]);
        // One that is not loaded changes nothing.
        let unknown =
            ModelIdentity { digest: crate::domain::digest::Digest([9; 32]), ..ModelIdentity::clone(&identities[0]) };
        let started = ask(2, Some(Arc::new(unknown)));
        assert_eq!(started[1], [(Acting, 0), (Baseline, zero), (Candidate, 1), (Candidate, 2)]);
        assert_eq!(ask(3, None), started);
    }

    #[test]
    fn a_full_queue_gives_the_job_back_and_a_given_up_job_is_not_answered() {
        let (sender, receiver) = sync_channel(100);
        let (release, gate) = sync_channel::<()>(0);
        let (arrive, arrived) = sync_channel::<()>(1);
        let models = EngineModels { acting: Box::new(ZeroCost::new()), baseline: None, candidates: Vec::new() };
        let deliver = Box::new(move |answers: JobAnswers| {
            if answers.id == 0 {
                arrive.send(()).expect("the test waits");
                gate.recv().expect("the test opens the gate");
            }
            sender.send(answers.id).expect("the test waits");
        });
        let engine = Engine::start(models, 64, Box::new(|| 0), deliver).expect("starts");
        let job = |id| Job { id, tickets: tickets(&["a"]), drawn: Vec::new(), acting: None };
        engine.submit(job(0)).expect("an empty queue");
        arrived.recv().expect("the engine reaches the gate");
        let refused =
            (1..100).find(|id| matches!(engine.submit(job(*id)), Err(SubmitError::Full(back)) if back.id == *id));
        let refused = refused.expect("the queue is bounded");
        engine.give_up_before(refused - 1);
        release.send(()).expect("the engine waits at the gate");
        assert_eq!(receiver.iter().take(2).collect::<Vec<u64>>(), [0, refused - 1]);
    }

    #[test]
    fn dropping_the_engine_ends_its_thread() {
        let models = EngineModels { acting: Box::new(ZeroCost::new()), baseline: None, candidates: Vec::new() };
        let engine = Engine::start(models, 64, Box::new(|| 0), Box::new(|_| {})).expect("starts");
        assert!(engine.is_running());
        let shared = Arc::downgrade(&engine.shared);
        drop(engine);
        assert_eq!(shared.strong_count(), 0);
    }
}
