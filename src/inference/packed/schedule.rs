//! Who computes what, when. The rows of a batch, one after the other without padding, are cut into *chunks* of equal
//! height; a pass is a number of *phases* over all chunks, then one over groups of sequences. Threads take the next piece
//! of work in that order from a counter, so that a thread which was held up holds up nobody else; before they begin,
//! they wait until the phase before is done for the chunks that share a sequence with theirs.
//!
//! Nothing can block for ever: pieces are handed out in order, so that whoever holds the earliest unfinished one has
//! nothing to wait for.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::ThreadPool;

/// Most rows of a chunk: its widest activations (1,536 numbers a row) stay near the second-level cache.
const CHUNK_ROWS_MAX: usize = 128;
/// Fewest rows of a chunk, while there are so many: every chunk reads all weights once.
const CHUNK_ROWS_MIN: usize = 12;
/// Looks at a counter before a waiting thread lets another one have its core; each takes some ten nanoseconds.
const SPINS_MAX: u32 = 2000;

/// The threads of a forward pass: the one that calls, and helpers.
#[derive(Clone, Debug)]
pub struct Workers {
    helpers: Option<Arc<ThreadPool>>,
    count: usize,
}

impl Workers {
    /// `count` threads, the calling one included.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn new(count: usize) -> Result<Self, String> {
        let count = count.max(1);
        if count == 1 {
            return Ok(Self { helpers: None, count });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count - 1)
            .thread_name(|helper| format!("encoder-{helper}"))
            .build()
            .map_err(|error| format!("no thread for the encoder: {error}"))?;
        Ok(Self { helpers: Some(Arc::new(pool)), count })
    }

    /// How many threads.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Runs `work` on every thread, with the thread's number; the caller's thread is number 0 and begins at once.
    pub(super) fn run(&self, work: impl Fn(usize) + Sync) {
        match &self.helpers {
            None => work(0),
            Some(pool) => pool.in_place_scope(|scope| {
                let work = &work;
                for helper in 1..self.count {
                    scope.spawn(move |_| work(helper));
                }
                work(0);
            }),
        }
    }
}

/// One piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A phase of one chunk.
    Chunk {
        /// From 0.
        phase: usize,
        /// From 0.
        chunk: usize,
    },
    /// The last phase of one group of sequences.
    Group(usize),
}

/// How a batch is cut.
#[derive(Debug)]
pub(super) struct Plan {
    /// First row of each sequence, and one more: the number of rows.
    pub(super) starts: Vec<usize>,
    /// Rows of a chunk; the last may have fewer.
    pub(super) chunk_rows: usize,
    /// Sequences of a group; the last may have fewer.
    pub(super) group_sequences: usize,
}

impl Plan {
    /// Cuts a batch of sequences that all have rows.
    pub(super) fn new(lengths: impl Iterator<Item = usize>, threads: usize) -> Self {
        let mut starts = vec![0];
        for length in lengths {
            assert!(length > 0, "a sequence has rows");
            starts.push(starts[starts.len() - 1] + length);
        }
        let rows = starts[starts.len() - 1];
        let chunks = rows.div_ceil(CHUNK_ROWS_MAX).next_multiple_of(threads).min(rows.div_ceil(CHUNK_ROWS_MIN)).max(1);
        let sequences = starts.len() - 1;
        let groups = sequences.div_ceil(CHUNK_ROWS_MAX).next_multiple_of(threads);
        Self {
            chunk_rows: rows.div_ceil(chunks).max(1),
            group_sequences: sequences.div_ceil(groups.max(1)).max(1),
            starts,
        }
    }

    /// Rows of the batch.
    pub(super) fn rows(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// Sequences of the batch.
    pub(super) fn sequences(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of chunks.
    pub(super) fn chunks(&self) -> usize {
        self.rows().div_ceil(self.chunk_rows)
    }

    /// Number of groups.
    pub(super) fn groups(&self) -> usize {
        self.sequences().div_ceil(self.group_sequences)
    }

    /// Rows of one chunk.
    pub(super) fn rows_of_chunk(&self, chunk: usize) -> Range<usize> {
        chunk * self.chunk_rows..self.rows().min((chunk + 1) * self.chunk_rows)
    }

    /// Sequences of one group.
    pub(super) fn sequences_of_group(&self, group: usize) -> Range<usize> {
        group * self.group_sequences..self.sequences().min((group + 1) * self.group_sequences)
    }

    /// Sequences that have a row among these.
    pub(super) fn sequences_of_rows(&self, rows: &Range<usize>) -> Range<usize> {
        let first = self.starts.partition_point(|start| *start <= rows.start) - 1;
        first..self.starts.partition_point(|start| *start < rows.end)
    }

    /// Rows of one sequence.
    pub(super) fn rows_of_sequence(&self, sequence: usize) -> Range<usize> {
        self.starts[sequence]..self.starts[sequence + 1]
    }

    /// Chunks that hold a row of one of these sequences.
    pub(super) fn chunks_of_sequences(&self, sequences: &Range<usize>) -> Range<usize> {
        self.starts[sequences.start] / self.chunk_rows..self.starts[sequences.end].div_ceil(self.chunk_rows)
    }
}

/// How far a pass has come.
#[derive(Debug)]
pub(super) struct Progress<'plan> {
    plan: &'plan Plan,
    phases: usize,
    next: AtomicUsize,
    /// Phases that are done, by chunk.
    done: Vec<AtomicUsize>,
    has_failed: AtomicBool,
}

impl<'plan> Progress<'plan> {
    /// At the beginning.
    pub(super) fn new(plan: &'plan Plan, phases: usize) -> Self {
        let done = (0..plan.chunks()).map(|_| AtomicUsize::new(0)).collect();
        Self { plan, phases, next: AtomicUsize::new(0), done, has_failed: AtomicBool::new(false) }
    }

    /// Takes pieces until there are none, or another thread has panicked.
    pub(super) fn work(&self, mut compute: impl FnMut(Piece)) {
        // Whoever leaves by a panic must not be waited for.
        let alarm = Alarm(&self.has_failed);
        while let Some(piece) = self.take() {
            if !self.wait_for_what_it_needs(piece) {
                break;
            }
            compute(piece);
            if let Piece::Chunk { phase, chunk } = piece {
                self.done[chunk].store(phase + 1, Ordering::Release);
            }
        }
        std::mem::forget(alarm);
    }

    fn take(&self) -> Option<Piece> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (chunks, groups) = (self.plan.chunks(), self.plan.groups());
        if number < chunks * self.phases {
            return Some(Piece::Chunk { phase: number / chunks, chunk: number % chunks });
        }
        Some(number - chunks * self.phases).filter(|group| *group < groups).map(Piece::Group)
    }

    /// False where the pass has failed meanwhile.
    fn wait_for_what_it_needs(&self, piece: Piece) -> bool {
        let (sequences, phases) = match piece {
            Piece::Chunk { phase, chunk } => (self.plan.sequences_of_rows(&self.plan.rows_of_chunk(chunk)), phase),
            Piece::Group(group) => (self.plan.sequences_of_group(group), self.phases),
        };
        self.done[self.plan.chunks_of_sequences(&sequences)].iter().all(|done| self.wait(done, phases))
    }

    fn wait(&self, done: &AtomicUsize, phases: usize) -> bool {
        let mut spins = 0;
        while done.load(Ordering::Acquire) < phases {
            if self.has_failed.load(Ordering::Relaxed) {
                return false;
            }
            if spins < SPINS_MAX {
                spins += 1;
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        true
    }
}

/// Raised when it is dropped.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
