//! Who is on the mesh plane, as far as one member sees it.

use mesh_model::AssetId;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Those whose sign of life is there.
#[derive(Debug, Default)]
pub(super) struct Presence {
    present: Mutex<BTreeSet<AssetId>>,
    changed: Condvar,
}

impl Presence {
    pub(super) fn joined(&self, peer: AssetId) {
        tracing::debug!(%peer, "on the mesh plane");
        self.lock().insert(peer);
        self.changed.notify_all();
    }

    pub(super) fn left(&self, peer: &AssetId) {
        tracing::debug!(%peer, "off the mesh plane");
        self.lock().remove(peer);
        self.changed.notify_all();
    }

    pub(super) fn holds(&self, peer: &AssetId) -> bool {
        self.lock().contains(peer)
    }

    pub(super) fn present(&self) -> BTreeSet<AssetId> {
        self.lock().clone()
    }

    /// Who of `peers` is not there by the end of `timeout`, if anybody.
    pub(super) fn wait_for(&self, peers: &BTreeSet<AssetId>, timeout: Duration) -> Result<(), BTreeSet<AssetId>> {
        let deadline = Instant::now() + timeout;
        let mut present = self.lock();
        loop {
            let missing: BTreeSet<_> = peers.difference(&present).cloned().collect();
            if missing.is_empty() {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(missing);
            }
            (present, _) = self.changed.wait_timeout(present, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A thread that panicked while it held the lock left a set behind that is as good as any.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<AssetId>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
