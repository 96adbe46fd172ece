//! Ports for what a test starts as another process.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range that the system gives to outgoing connections (from 32,768 on), and apart from the ports of
/// `tests/kafka/kafka.sh` (20,000 to 32,000): until the process listens, nobody else takes it.
const FIRST: u32 = 10_000;
const COUNT: u32 = 10_000;

/// A port of loopback on which nobody listens. No two calls of this process return the same one.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Test processes that run side by side begin at different places.
    let start = std::process::id().wrapping_mul(97);
    loop {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        assert!(taken < COUNT, "no free port between {FIRST} and {}", FIRST + COUNT);
        let port = (FIRST + start.wrapping_add(taken) % COUNT) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
