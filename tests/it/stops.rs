//! A thread that stops at a failpoint until it is let go, while other tests pass the same point unhindered.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longest wait for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// Tells that the thread is there, and waits until it may go on.
type Gate = Arc<(SyncSender<()>, Mutex<Receiver<()>>)>;

/// By failpoint and name of the thread.
static GATES: Mutex<BTreeMap<(&'static str, &'static str), Gate>> = Mutex::new(BTreeMap::new());

/// Stops the threads of one name.
pub(crate) struct Stop {
    at: (&'static str, &'static str),
    pub(crate) reached: Receiver<()>,
    pub(crate) go_on: SyncSender<()>,
}

impl Stop {
    pub(crate) fn at(point: &'static str, thread: &'static str) -> Self {
        let (reach, reached) = sync_channel(1);
        let (go_on, wait) = sync_channel(1);
        let taken = GATES.lock().unwrap().insert((point, thread), Arc::new((reach, Mutex::new(wait))));
        assert!(taken.is_none(), "two stops at {point} for {thread}");
        // Never removed: another test may have a stop of its own at the same point.
        fail::cfg_callback(point, move || {
            let name = std::thread::current().name().map(str::to_owned);
            let gate = name.and_then(|name| {
                let gates = GATES.lock().unwrap();
                gates.iter().find(|((of, thread), _)| *of == point && *thread == name).map(|(_, gate)| Arc::clone(gate))
            });
            if let Some(gate) = gate {
                gate.0.send(()).unwrap();
                gate.1.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
        })
        .unwrap();
        Self { at: (point, thread), reached, go_on }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        GATES.lock().unwrap().remove(&self.at);
    }
}
