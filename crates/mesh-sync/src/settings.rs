//! What a [`Sync`](crate::Sync) is told at the start, and every limit it keeps.

use mesh_model::AssetId;

/// Who takes part, how patient they are, and how much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose log this asset writes.
    pub me: AssetId,
    /// All authors, in any order; `me` is one of them in any case.
    pub members: Vec<AssetId>,
    /// Heads go to every peer in contact at least this often.
    pub heartbeat_s: u64,
    /// How long messages under way are given to arrive before a gap is asked about or news is offered.
    pub settle_s: u64,
    /// How long a peer has to answer before the next one is asked.
    pub want_interval_s: u64,
    /// Heads that do not show what was sent less than this before may have crossed it on the way.
    pub resend_after_s: u64,
    /// Entries that are sent for one request, or one message of heads, and author.
    pub batch: u64,
    /// Entries that are sent again for the first report of a gap; doubles while the reports go on where it ended.
    pub repair: u64,
    /// Entries of one author that are kept.
    pub entries_max: u64,
    /// Bytes of one author's entries that are kept.
    pub bytes_max: usize,
    /// How far ahead of a gap entries of one author are kept.
    pub ahead_max: u64,
    /// Bytes of one author's entries that are kept ahead of a gap.
    pub ahead_bytes_max: usize,
}

impl Settings {
    /// The usual patience and limits: light needs 1.3 s to the Moon, and a mission day writes some hundred entries.
    pub fn new(me: AssetId, members: Vec<AssetId>) -> Self {
        Self {
            me,
            members,
            heartbeat_s: 120,
            settle_s: 5,
            want_interval_s: 30,
            resend_after_s: 20,
            batch: 64,
            repair: 4,
            entries_max: 65_536,
            bytes_max: 64 << 20,
            ahead_max: 128,
            ahead_bytes_max: 4 << 20,
        }
    }
}
