//! What is known about one peer: what it holds, what it was sent, what it is due.

use mesh_model::{AssetId, MissionTime};
use std::collections::BTreeMap;

/// One other member.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// Whether there is contact.
    pub up: bool,
    /// Whether its heads came while there was no contact: the answer is owed.
    pub answer_owed: bool,
    /// When heads go to it again, while there is contact.
    pub heads_due: MissionTime,
    /// When it is offered what others wrote, unless it turns out to have it.
    pub offer_due: Option<MissionTime>,
    /// One for every author that it or this asset mentioned to the other.
    pub logs: BTreeMap<AssetId, PeerLog>,
}

/// What is known about a peer and one author's log.
#[derive(Debug, Default, Clone)]
pub(crate) struct PeerLog {
    /// It holds the entries below this, as far as it told or showed.
    pub claimed: u64,
    /// It was sent the entries below this in this contact, or holds them; never below `claimed`.
    pub sent: u64,
    /// When it was sent some last.
    pub sent_at: Option<MissionTime>,
    /// It was told that this asset holds the entries below this.
    pub told: u64,
    /// It left this author out of its heads, which means: send me nothing of this log.
    pub muted: bool,
    /// When a gap was repaired last.
    pub repaired_at: Option<MissionTime>,
    /// Where that repair ended.
    pub repaired_to: u64,
    /// How many entries it had.
    pub repair: u64,
    /// When it was told last that the author signed two histories.
    pub warned_at: Option<MissionTime>,
}

impl Peer {
    pub(crate) fn log(&mut self, author: &AssetId) -> &mut PeerLog {
        if !self.logs.contains_key(author) {
            self.logs.insert(author.clone(), PeerLog::default());
        }
        self.logs.get_mut(author).expect("it was put there if it was not")
    }

    /// How many entries of `author` it is known to hold.
    pub(crate) fn claimed(&self, author: &AssetId) -> u64 {
        self.logs.get(author).map_or(0, |log| log.claimed)
    }

    /// The contact is over: what was under way may be lost, and only heads will tell.
    pub(crate) fn lose_contact(&mut self) {
        self.up = false;
        self.answer_owed = false;
        self.offer_due = None;
        for log in self.logs.values_mut() {
            *log = PeerLog { claimed: log.claimed, sent: log.claimed, muted: log.muted, ..PeerLog::default() };
        }
    }
}

impl PeerLog {
    /// It holds the entries below `head`, for certain.
    pub(crate) fn holds(&mut self, head: u64) {
        self.claimed = self.claimed.max(head);
        self.sent = self.sent.max(head);
    }

    /// Its heads say that it holds the entries below `head`, and no more.
    pub(crate) fn claims(&mut self, head: u64) {
        self.claimed = head;
        self.sent = self.sent.max(head);
        self.muted = false;
    }
}
