//! A model whose behaviour a test chooses: it reads severity and misbehaviour out of the title, waits at a gate, and
//! its engine hands answers to a queue that the test empties.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::domain::digest::Digest;
use crate::domain::prediction::{CauseProbability, ModelIdentity, Prediction, Purpose, TicketFault};
use crate::domain::probability::{Probability, SeverityDistribution};
use crate::domain::ticket::Ticket;
use crate::inference::classifier::{Classifier, Encoded, ModelInfo};
use crate::inference::engine::{Engine, EngineModels, Job, JobAnswers, SubmitError};

/// Holds the model back while it is closed.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_closed: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub(super) fn set_closed(&self, closed: bool) {
        *self.is_closed.lock().unwrap() = closed;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let closed = self.is_closed.lock().unwrap();
        drop(self.changed.wait_while(closed, |closed| *closed).unwrap());
    }
}

pub(super) fn identity() -> Arc<ModelIdentity> {
    Arc::new(ModelIdentity {
        name: "scripted".into(),
        version: "1".into(),
        digest: Digest::of(b"scripted"),
        calibration_digest: Digest::of(b""),
        purpose: Purpose::Production,
    })
}

/// Surely low, unless the title holds another severity; `poison` fails the whole pass.
struct Scripted {
    info: ModelInfo,
    gate: Arc<Gate>,
}

const WORDS: [&str; 5] = ["critical", "high", "medium", "low", "poison"];

impl Classifier for Scripted {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn encode(&self, ticket: &Ticket) -> Result<Encoded, TicketFault> {
        let title = ticket.title.as_deref().unwrap_or_default();
        let word = WORDS.iter().position(|word| title.contains(word)).unwrap_or(3);
        Ok(Encoded { ids: vec![word as u32], ..Encoded::default() })
    }

    fn classify(&mut self, batch: &[&Encoded]) -> Result<Vec<Result<Prediction, TicketFault>>, String> {
        self.gate.pass();
        if batch.iter().any(|row| row.ids == [4]) {
            return Err("poisoned".into());
        }
        let predict = |row: &&Encoded| {
            let mut logits = [0.0; 4];
            logits[row.ids[0] as usize] = 9.0;
            let severity = SeverityDistribution::from_logits(logits).map_err(|_| TicketFault::NotFinite)?;
            let probability = Probability::try_new(0.9).expect("a probability");
            let causes = vec![CauseProbability { cause: Arc::from("flap"), probability }];
            Ok(Prediction { severity, logits, causes, truncated: false, tokens: 1 })
        };
        Ok(batch.iter().map(predict).collect())
    }
}

/// Number of the job by which a test waits until everything before it is answered or skipped.
const MARKER: u64 = u64::MAX;

/// An engine whose answers wait until the test takes them.
pub(super) struct TestEngine {
    pub(super) engine: Engine,
    pub(super) gate: Arc<Gate>,
    dies: Arc<AtomicBool>,
    answers: Arc<(Mutex<VecDeque<JobAnswers>>, Condvar)>,
}

impl TestEngine {
    pub(super) fn start() -> Self {
        let gate = Arc::new(Gate::default());
        let info = ModelInfo {
            identity: identity(),
            architecture: "scripted",
            causes: vec![Arc::from("flap")],
            tokens_max: 1,
            device: "cpu".into(),
        };
        let acting = Box::new(Scripted { info, gate: Arc::clone(&gate) });
        let dies = Arc::new(AtomicBool::new(false));
        let answers = Arc::new((Mutex::new(VecDeque::new()), Condvar::new()));
        let (to, dying) = (Arc::clone(&answers), Arc::clone(&dies));
        let deliver = move |job: JobAnswers| {
            assert!(!dying.load(Ordering::SeqCst), "the test ends the engine's thread here");
            let (queue, changed) = &*to;
            queue.lock().unwrap().push_back(job);
            changed.notify_all();
        };
        let models = EngineModels { acting, baseline: None, candidates: Vec::new() };
        let engine = Engine::start(models, 4_096, Box::new(|| 0), Box::new(deliver)).unwrap();
        Self { engine, gate, dies, answers }
    }

    /// Waits until every job handed over so far is answered or skipped, and takes the answers. The gate must be open.
    pub(super) fn settle(&self) -> VecDeque<JobAnswers> {
        let mut marker = Job { id: MARKER, tickets: Vec::new(), drawn: Vec::new(), acting: None };
        loop {
            match self.engine.submit(marker) {
                Ok(()) => break,
                Err(SubmitError::Full(back)) => {
                    marker = back;
                    std::thread::yield_now();
                }
                Err(SubmitError::Stopped(_)) => return VecDeque::new(),
            }
        }
        let (queue, changed) = &*self.answers;
        let is_open = |queue: &mut VecDeque<JobAnswers>| queue.back().is_none_or(|job| job.id != MARKER);
        let mut taken = std::mem::take(&mut *changed.wait_while(queue.lock().unwrap(), is_open).unwrap());
        taken.pop_back();
        taken
    }

    /// Fills the queue behind a closed gate: one job in progress, the rest waiting.
    pub(super) fn fill(&self) {
        let ticket = Ticket::minimal(crate::domain::ticket::TicketId::try_new("FILL").unwrap(), "low", super::NOW);
        let mut id = MARKER - 100;
        let mut is_full = false;
        // The first job leaves the queue when the thread has woken: full twice in a row is full.
        for _ in 0..2 {
            while !std::mem::replace(&mut is_full, false) {
                id += 1;
                let tickets = vec![Arc::new(ticket.clone())];
                is_full = matches!(
                    self.engine.submit(Job { id, tickets, drawn: Vec::new(), acting: None }),
                    Err(SubmitError::Full(_))
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the engine's thread, as a bug in it would.
    pub(super) fn kill(&self) {
        self.dies.store(true, Ordering::SeqCst);
        while self.engine.is_running() {
            // Whatever the thread answers next is its last answer; a refusal means that it is gone already.
            drop(self.engine.submit(Job { id: MARKER, tickets: Vec::new(), drawn: Vec::new(), acting: None }));
            std::thread::yield_now();
        }
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        self.gate.set_closed(false);
    }
}
