//! How many threads a forward pass uses. candle reads it from the environment, once, at its first use; our own encoder
//! takes the threads from here, the same ones for all models, since one model runs at a time.

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use super::packed::schedule::Workers;

/// What candle and rayon read.
const VARIABLES: [&str; 2] = ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"];

static THREADS: OnceLock<usize> = OnceLock::new();
static WORKERS: OnceLock<Result<Workers, String>> = OnceLock::new();

/// The threads that run models on the CPU: as many as [`limit`] was told, all cores where it was not called.
///
/// # Errors
/// The operating system gives no thread, in words.
pub fn workers() -> Result<Workers, String> {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    WORKERS.get_or_init(|| Workers::new(*THREADS.get_or_init(cores))).clone()
}

/// Sets the number of threads for every model of this process; 0 leaves one core to Kafka and the rest.
///
/// Call it once, first thing, while the process has a single thread: changing the environment beside other threads is
/// not safe on Unix.
pub fn limit(threads: usize) {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = if threads == 0 { cores.saturating_sub(1).max(1) } else { threads };
    THREADS.get_or_init(|| threads);
    for variable in VARIABLES {
        #[expect(unsafe_code, reason = "candle has no other way to be told")]
        // SAFETY: the caller promises that no other thread runs yet, so nobody reads the environment meanwhile.
        unsafe {
            std::env::set_var(variable, threads.to_string());
        }
    }
}
