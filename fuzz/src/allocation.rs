//! Memory that an input costs, measured: small bytes must not become large values.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes that reading an input may hold at any moment: a fixed part for tables and models, and this many times its
/// length. JSON values take about 80 bytes for each of two bytes of text, twice while a list grows, and are read twice.
const TIMES: usize = 400;
const FIXED: usize = 48 << 20;

/// The bound for an input.
pub fn bytes_max(input: usize) -> usize {
    FIXED + TIMES * input
}

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Runs a call and panics where it held more than `bytes_max` at once on this thread.
pub fn within(bytes_max: usize, call: impl FnOnce()) {
    let before = HELD.get();
    PEAK.set(before);
    call();
    let peak = PEAK.get().saturating_sub(before);
    assert!(peak <= bytes_max, "held {peak} bytes at once; {bytes_max} are allowed for this input");
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; only numbers are kept, in cells that allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        take(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        take(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Not while the thread ends: its cells are gone then.
fn add(bytes: usize) {
    let counted = HELD.try_with(|held| {
        held.set(held.get().saturating_add(bytes));
        held.get()
    });
    if let Ok(held) = counted {
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held)));
    }
}

fn take(bytes: usize) {
    let _ = HELD.try_with(|held| held.set(held.get().saturating_sub(bytes)));
}
