//! The exchange of log entries between assets that meet now and then.
//!
//! An author pushes its own entries to every peer in contact. Everything else is pulled: heads (how many entries of each
//! author an asset holds) go out on contact, on a heartbeat, and when there is news of third parties; whoever lacks
//! something then asks one peer that has it. So an entry crosses a link once although every asset passes on what it
//! holds, and a lost message is repaired by the next heads.
//!
//! Heads name every author; one that is left out means "send me nothing of this log": its author was caught with two
//! histories. The log of such an author stays as it is, and whoever still asks about it is sent the evidence.

use crate::error::{Misbehaviour, Misuse, PeerError};
use crate::peer::{Peer, PeerLog};
use crate::replica::Replica;
use crate::settings::Settings;
use mesh_identity::Verified;
use mesh_ledger::Equivocation;
use mesh_model::{AssetId, Hash, MissionTime, SignedEnvelope};
use std::collections::{BTreeMap, VecDeque};

/// All logs that this asset holds, and what it knows about those of its peers.
#[derive(Debug)]
pub struct Sync {
    settings: Settings,
    seed: u64,
    /// One for each member.
    replicas: BTreeMap<AssetId, Replica>,
    /// One for each member but this asset.
    peers: BTreeMap<AssetId, Peer>,
    /// The authors of whose logs a peer in contact has more than this asset.
    wants: BTreeMap<AssetId, Want>,
    /// What one input brings about is bounded by the batch and the number of members; drained after each.
    outputs: VecDeque<Output>,
}

/// What happens to a [`Sync`].
#[derive(Debug, Clone)]
pub enum Input {
    /// An entry was read back from the disk at the start, in its author's order: it is held, and nothing else happens.
    Restored(Verified),
    /// This asset wrote an entry, and it is on the disk.
    Appended(Verified),
    /// An entry came in.
    Received {
        /// From which peer, who need not be its author.
        from: AssetId,
        /// The entry.
        entry: Verified,
    },
    /// A peer's heads came in.
    Heads {
        /// Whose.
        from: AssetId,
        /// How many entries of each author it holds.
        heads: BTreeMap<AssetId, u64>,
    },
    /// A peer asks for entries.
    Want {
        /// Who.
        from: AssetId,
        /// Whose entries.
        author: AssetId,
        /// From which one on; it holds those before.
        first: u64,
    },
    /// A contact began or ended.
    Link {
        /// With whom.
        peer: AssetId,
        /// Whether there is contact.
        up: bool,
    },
    /// Time passed.
    Tick,
}

/// What a [`Sync`] wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send an entry as it is.
    Send {
        /// To whom.
        to: AssetId,
        /// The entry.
        entry: SignedEnvelope,
    },
    /// Say how many entries of each author are held here.
    SendHeads {
        /// To whom.
        to: AssetId,
        /// How many.
        heads: BTreeMap<AssetId, u64>,
    },
    /// Ask for entries.
    SendWant {
        /// Whom.
        to: AssetId,
        /// Whose entries.
        author: AssetId,
        /// From which one on.
        first: u64,
    },
    /// An entry took its place in its author's log: each exactly once, those of one author in order and without a gap,
    /// this asset's own included.
    Deliver(Verified),
    /// An author signed two histories: at most once for each author.
    Evidence(Equivocation),
}

/// A log that a peer in contact has more of.
#[derive(Debug)]
struct Want {
    /// When somebody is asked, unless it comes by itself.
    due: MissionTime,
    /// Who was asked last.
    asked: Option<AssetId>,
    /// Whether anything came since.
    answered: bool,
    /// When this many entries are held, all that was asked for has come.
    complete_at: u64,
}

impl Sync {
    /// An asset that holds nothing and is in contact with nobody. The seed spreads the heartbeats of the fleet.
    pub fn new(settings: Settings, seed: u64, _now: MissionTime) -> Self {
        let everybody = settings.members.iter().chain([&settings.me]);
        let replicas = everybody.map(|id| (id.clone(), Replica::new(id.clone()))).collect();
        let others = settings.members.iter().filter(|id| **id != settings.me);
        let peers = others.map(|id| (id.clone(), Peer::default())).collect();
        Self { settings, seed, replicas, peers, wants: BTreeMap::new(), outputs: VecDeque::new() }
    }

    /// Takes one input. One that is refused changes nothing.
    pub fn handle(&mut self, now: MissionTime, input: Input) -> Result<(), PeerError> {
        match input {
            Input::Restored(entry) => self.restored(entry)?,
            Input::Appended(entry) => self.appended(now, entry)?,
            Input::Received { from, entry } => self.received(now, &from, entry)?,
            Input::Heads { from, heads } => self.heard(now, &from, &heads)?,
            Input::Want { from, author, first } => self.asked(now, &from, &author, first)?,
            Input::Link { peer, up } => self.link(now, &peer, up)?,
            Input::Tick => {}
        }
        self.do_what_is_due(now);
        Ok(())
    }

    /// The next thing to be done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When an [`Input::Tick`] is wanted, at the latest.
    pub fn next_deadline(&self) -> Option<MissionTime> {
        let in_contact = self.peers.values().filter(|peer| peer.up);
        let heads = in_contact.flat_map(|peer| [Some(peer.heads_due), peer.offer_due]).flatten();
        heads.chain(self.wants.values().map(|want| want.due)).min()
    }

    /// How many entries of each author are held, those of authors with two histories left out.
    pub fn heads(&self) -> BTreeMap<AssetId, u64> {
        let sound = self.replicas.iter().filter(|(_, replica)| replica.equivocation().is_none());
        sound.map(|(author, replica)| (author.clone(), replica.next())).collect()
    }

    /// The entries of `author` that are held, from the first.
    pub fn entries(&self, author: &AssetId) -> &[SignedEnvelope] {
        self.replicas.get(author).map_or(&[], |replica| replica.range(0, u64::MAX))
    }

    /// Proof that `author` signed two histories, if there is any.
    pub fn equivocation(&self, author: &AssetId) -> Option<&Equivocation> {
        self.replicas.get(author).and_then(Replica::equivocation)
    }

    /// Bytes of all entries that are held, in logs and ahead of gaps.
    #[cfg(test)]
    fn bytes_held(&self) -> usize {
        self.replicas.values().map(Replica::bytes_held).sum()
    }

    fn restored(&mut self, entry: Verified) -> Result<(), PeerError> {
        self.push(entry)?;
        Ok(())
    }

    fn appended(&mut self, now: MissionTime, entry: Verified) -> Result<(), PeerError> {
        let me = self.settings.me.clone();
        let sequence = entry.sequence();
        let entry = self.push(entry)?;
        if self.replicas[&me].equivocation().is_none() {
            for (id, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.up) {
                let log = peer.log(&me);
                // A peer that lags behind is brought up to date by its own heads first.
                if !log.muted && log.sent == sequence {
                    log.sent = sequence + 1;
                    log.sent_at = Some(now);
                    self.outputs.push_back(Output::Send { to: id.clone(), entry: entry.signed().clone() });
                }
            }
        }
        self.outputs.push_back(Output::Deliver(entry));
        Ok(())
    }

    /// Adds an entry of this asset's own making, or one that it held before a restart.
    fn push(&mut self, entry: Verified) -> Result<Verified, PeerError> {
        let author = entry.author().clone();
        if !entry.is_logged() {
            return Err(Misuse::NotLogged { author }.into());
        }
        let unknown = || Misbehaviour::UnknownAuthor { peer: self.settings.me.clone(), author: author.clone() };
        let replica = self.replicas.get_mut(&author).ok_or_else(unknown)?;
        if !replica.has_room(&entry, &self.settings) {
            return Err(Misuse::LogFull { entries: replica.next() }.into());
        }
        replica.push(entry).map_err(|broken| Misuse::OutOfOrder(broken).into())
    }

    fn received(&mut self, now: MissionTime, from: &AssetId, entry: Verified) -> Result<(), PeerError> {
        let (author, sequence) = (entry.author().clone(), entry.sequence());
        if !entry.is_logged() {
            return Err(Misuse::NotLogged { author }.into());
        }
        self.check(from, &author, sequence)?;
        let replica = self.replicas.get_mut(&author).expect("check() knows the author");
        let held = replica.next();
        if author == self.settings.me && sequence >= held {
            return Err(Misuse::OwnLogBehind { sequence, held }.into());
        }
        let taken = replica.take(entry, &self.settings)?;
        let sound = replica.equivocation().is_none();
        let held = replica.next();
        self.peer(from).log(&author).holds(sequence + 1);
        if sound {
            self.reconsider(now, &author, !taken.grown.is_empty());
        }
        if !taken.grown.is_empty() {
            self.plan_offers(now, from, &author, held);
        }
        self.outputs.extend(taken.grown.into_iter().map(Output::Deliver));
        if let Some(evidence) = taken.evidence {
            self.wants.remove(&author);
            self.outputs.push_back(Output::Evidence(evidence));
            let in_contact: Vec<_> = self.peers.iter().filter(|(_, peer)| peer.up).map(|(id, _)| id.clone()).collect();
            in_contact.iter().for_each(|id| self.warn(now, id, &author));
        }
        Ok(())
    }

    fn heard(&mut self, now: MissionTime, from: &AssetId, heads: &BTreeMap<AssetId, u64>) -> Result<(), PeerError> {
        for (author, head) in heads {
            self.check(from, author, head.saturating_sub(1))?;
        }
        let me = self.settings.me.clone();
        let written = self.replicas[&me].next();
        if let Some(claimed) = heads.get(&me).copied().filter(|claimed| *claimed > written) {
            return Err(Misbehaviour::ClaimsUnwritten { peer: from.clone(), claimed, written }.into());
        }
        let peer = self.peers.get_mut(from).expect("check() knows the peer");
        for author in self.replicas.keys() {
            match heads.get(author) {
                Some(head) => peer.log(author).claims(*head),
                None => peer.log(author).muted = true,
            }
        }
        peer.answer_owed = !peer.up;
        if peer.up {
            self.answer_heads(now, from);
        }
        Ok(())
    }

    fn asked(&mut self, now: MissionTime, from: &AssetId, author: &AssetId, first: u64) -> Result<(), PeerError> {
        self.check(from, author, first)?;
        if !self.peer(from).up {
            return Ok(());
        }
        if self.replicas[author].equivocation().is_some() {
            self.warn(now, from, author);
            return Ok(());
        }
        let Settings { batch, repair, settle_s, .. } = self.settings;
        let log = self.peer(from).log(author);
        log.muted = false;
        if first >= log.sent {
            self.send(now, from, author, first, batch);
        } else if is_past(now, log.repaired_at, settle_s) {
            log.repair = if first == log.repaired_to { (log.repair * 2).min(batch) } else { repair };
            log.repaired_at = Some(now);
            log.repaired_to = first + log.repair;
            let count = log.repair;
            self.send(now, from, author, first, count);
        }
        Ok(())
    }

    fn link(&mut self, now: MissionTime, peer: &AssetId, up: bool) -> Result<(), PeerError> {
        let known = self.peers.get_mut(peer).ok_or_else(|| Misbehaviour::UnknownPeer { peer: peer.clone() })?;
        match (known.up, up) {
            (false, true) => {
                known.up = true;
                // The first heartbeat of a contact comes early by up to a half of the interval, a different one for
                // each pair, so that those of a large fleet do not all come at once.
                let spread = spread(self.seed, &self.settings.me, peer) % (self.settings.heartbeat_s / 2).max(1);
                let owed = std::mem::take(&mut known.answer_owed);
                self.send_heads(now, peer);
                self.peer(peer).heads_due = now.plus_s(self.settings.heartbeat_s - spread);
                if owed {
                    self.answer_heads(now, peer);
                }
            }
            (true, false) => {
                known.lose_contact();
                let wanted: Vec<_> = self.wants.keys().cloned().collect();
                wanted.iter().for_each(|author| self.reconsider(now, author, false));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether `peer` and `author` are members and a log can have an entry `sequence`.
    fn check(&self, peer: &AssetId, author: &AssetId, sequence: u64) -> Result<(), Misbehaviour> {
        let peer = peer.clone();
        if !self.peers.contains_key(&peer) {
            return Err(Misbehaviour::UnknownPeer { peer });
        }
        let author = author.clone();
        if !self.replicas.contains_key(&author) {
            return Err(Misbehaviour::UnknownAuthor { peer, author });
        }
        if sequence >= self.settings.entries_max {
            return Err(Misbehaviour::BeyondLimit { peer, author, sequence });
        }
        Ok(())
    }

    fn peer(&mut self, id: &AssetId) -> &mut Peer {
        self.peers.get_mut(id).expect("check() or the map itself vouched for the peer")
    }

    /// Acts upon the heads that `from` told: pushes own entries that it lacks, and sees what is lacking here.
    fn answer_heads(&mut self, now: MissionTime, from: &AssetId) {
        let authors: Vec<_> = self.replicas.keys().cloned().collect();
        for author in &authors {
            if self.replicas[author].equivocation().is_some() {
                if !self.peer(from).log(author).muted {
                    self.warn(now, from, author);
                }
            } else if *author == self.settings.me {
                self.push_own(now, from);
            } else {
                self.reconsider(now, author, false);
            }
        }
    }

    /// Sends own entries that `to` lacks by its heads, and was not sent just before it told them.
    fn push_own(&mut self, now: MissionTime, to: &AssetId) {
        let me = self.settings.me.clone();
        let Settings { batch, repair, resend_after_s, .. } = self.settings;
        let PeerLog { claimed, sent, sent_at, muted, .. } = *self.peer(to).log(&me);
        if muted {
            return;
        }
        if claimed < sent && is_past(now, sent_at, resend_after_s) {
            self.send(now, to, &me, claimed, repair);
        } else {
            self.send(now, to, &me, sent, batch);
        }
    }

    /// Sends up to `count` entries from `first`, as far as they are held.
    fn send(&mut self, now: MissionTime, to: &AssetId, author: &AssetId, first: u64, count: u64) {
        let entries = self.replicas[author].range(first, count);
        let end = first + entries.len() as u64;
        if entries.is_empty() {
            return;
        }
        self.outputs.extend(entries.iter().map(|entry| Output::Send { to: to.clone(), entry: entry.clone() }));
        let log = self.peer(to).log(author);
        log.sent = log.sent.max(end);
        log.sent_at = Some(now);
    }

    /// Sends the two entries that contradict each other, so that `to` sees it for itself.
    fn warn(&mut self, now: MissionTime, to: &AssetId, author: &AssetId) {
        let resend_after_s = self.settings.resend_after_s;
        let log = self.peer(to).log(author);
        if !is_past(now, log.warned_at, resend_after_s) {
            return;
        }
        log.warned_at = Some(now);
        if let Some(evidence) = self.replicas[author].equivocation() {
            let both = [evidence.first(), evidence.second()];
            self.outputs.extend(both.map(|entry| Output::Send { to: to.clone(), entry: entry.clone() }));
        }
    }

    fn send_heads(&mut self, now: MissionTime, to: &AssetId) {
        let heads = self.heads();
        let heartbeat_s = self.settings.heartbeat_s;
        let peer = self.peer(to);
        peer.heads_due = now.plus_s(heartbeat_s);
        peer.offer_due = None;
        heads.iter().for_each(|(author, head)| peer.log(author).told = *head);
        self.outputs.push_back(Output::SendHeads { to: to.clone(), heads });
    }

    /// Entries of `author` came from `from`: every peer that may lack them is offered them after a while. Of two that
    /// would tell each other, the one with the higher id waits longer and mostly learns that it need not.
    fn plan_offers(&mut self, now: MissionTime, from: &AssetId, author: &AssetId, held: u64) {
        let Settings { me, settle_s, .. } = &self.settings;
        for (id, peer) in self.peers.iter_mut().filter(|(id, peer)| peer.up && *id != from && *id != author) {
            if peer.offer_due.is_none() && is_news(peer.log(author), held) {
                peer.offer_due = Some(now.plus_s(if me < id { *settle_s } else { 2 * settle_s }));
            }
        }
    }

    /// Sees whether somebody in contact has more of `author`'s log, and when to ask for it.
    fn reconsider(&mut self, now: MissionTime, author: &AssetId, grown: bool) {
        let held = self.replicas[author].next();
        if *author == self.settings.me || self.holders(author).next().is_none() {
            self.wants.remove(author);
            return;
        }
        let Settings { settle_s, batch, .. } = self.settings;
        // An author in contact pushes by itself, and with a gap the missing entry may be just behind: both get time.
        let comes_by_itself = grown || self.replicas[author].has_gap() || self.peers[author].up;
        let due = if comes_by_itself { now.plus_s(settle_s) } else { now };
        match self.wants.get_mut(author) {
            None => {
                let want = Want { due, asked: None, answered: false, complete_at: held.saturating_add(batch) };
                self.wants.insert(author.clone(), want);
            }
            Some(want) if grown => {
                want.answered = true;
                want.due = if held >= want.complete_at { now } else { due };
            }
            Some(_) => {}
        }
    }

    /// The peers in contact that have more of `author`'s log than this asset, in id order.
    fn holders(&self, author: &AssetId) -> impl Iterator<Item = &AssetId> {
        let held = self.replicas[author].next();
        let has_more = move |peer: &Peer| peer.up && peer.claimed(author) > held;
        self.peers.iter().filter(move |(_, peer)| has_more(peer)).map(|(id, _)| id)
    }

    fn do_what_is_due(&mut self, now: MissionTime) {
        let in_contact: Vec<_> = self.peers.iter().filter(|(_, peer)| peer.up).map(|(id, _)| id.clone()).collect();
        for id in in_contact {
            let peer = &self.peers[&id];
            if peer.heads_due <= now {
                self.send_heads(now, &id);
            } else if peer.offer_due.is_some_and(|due| due <= now) {
                self.peer(&id).offer_due = None;
                if self.has_news_for(&id) {
                    self.send_heads(now, &id);
                }
            }
        }
        let due: Vec<_> = self.wants.iter().filter(|(_, want)| want.due <= now).map(|(id, _)| id.clone()).collect();
        due.iter().for_each(|author| self.ask(now, author));
    }

    fn has_news_for(&self, id: &AssetId) -> bool {
        let peer = &self.peers[id];
        let others = self.replicas.iter().filter(|(author, _)| *author != id && **author != self.settings.me);
        let mut sound = others.filter(|(_, replica)| replica.equivocation().is_none());
        sound.any(|(author, replica)| peer.logs.get(author).is_none_or(|log| is_news(log, replica.next())))
    }

    /// Asks one peer for what is lacking of `author`'s log: the same as long as it answers, else the next one; first of
    /// all the author.
    fn ask(&mut self, now: MissionTime, author: &AssetId) {
        let Some(want) = self.wants.get(author) else { return };
        let holders: Vec<_> = self.holders(author).collect();
        let next_of = |asked: &AssetId| holders.iter().find(|holder| **holder > asked).or(holders.first()).copied();
        let chosen = match &want.asked {
            Some(asked) if want.answered && holders.contains(&asked) => Some(asked),
            Some(asked) => next_of(asked),
            None => holders.iter().find(|holder| **holder == author).or(holders.first()).copied(),
        };
        let Some(to) = chosen.cloned() else {
            self.wants.remove(author);
            return;
        };
        let first = self.replicas[author].next();
        let want = Want {
            due: now.plus_s(self.settings.want_interval_s),
            asked: Some(to.clone()),
            answered: false,
            complete_at: first.saturating_add(self.settings.batch),
        };
        self.wants.insert(author.clone(), want);
        self.outputs.push_back(Output::SendWant { to, author: author.clone(), first });
    }
}

/// Whether a peer may not know of entries below `held`, and not even know that they are here.
fn is_news(log: &PeerLog, held: u64) -> bool {
    !log.muted && held > log.sent.max(log.told)
}

/// Whether `wait_s` seconds went by since `then`, if it ever was.
fn is_past(now: MissionTime, then: Option<MissionTime>, wait_s: u64) -> bool {
    then.is_none_or(|then| then.plus_s(wait_s) <= now)
}

/// A number that differs from pair to pair.
fn spread(seed: u64, from: &AssetId, to: &AssetId) -> u64 {
    let hash = Hash::of(format!("{seed}/{from}/{to}").as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash is longer than 8 bytes"))
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
