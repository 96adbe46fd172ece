//! Whether this instance leads, and why it does not renew the lease where it does not. The controller writes it, screens and
//! metrics look.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;

/// Shared state, behind an `Arc`.
#[derive(Debug, Default)]
pub struct Leading {
    is_leading: AtomicBool,
    not_renewed: ArcSwapOption<String>,
}

impl Leading {
    /// This instance leads from now on.
    pub fn begins(&self) {
        self.is_leading.store(true, Ordering::Release);
    }

    /// It leads no more.
    pub fn ends(&self) {
        self.is_leading.store(false, Ordering::Release);
        self.not_renewed.store(None);
    }

    /// Whether it leads.
    pub fn is_leading(&self) -> bool {
        self.is_leading.load(Ordering::Acquire)
    }

    /// Why the lease is not renewed; `None`: it is.
    pub fn says(&self, not_renewed: Option<String>) {
        self.not_renewed.store(not_renewed.map(Arc::new));
    }

    /// Why the lease is not renewed; `None`: it is, or another instance leads.
    pub fn not_renewed(&self) -> Option<Arc<String>> {
        self.not_renewed.load_full()
    }
}
