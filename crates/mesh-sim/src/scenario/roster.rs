//! Who is in the mission, as far as the file could be read: what names in links, junctions and docks refer to.

use super::diagnostic::{Problems, quoted};
use super::nearest::did_you_mean;
use super::table::At;
use mesh_model::AssetId;
use std::collections::BTreeMap;

/// The assets and the planner of a file. Assets with mistakes are in it too, so that one mistake is one complaint.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub assets: BTreeMap<AssetId, Entry>,
    /// The planner's name.
    pub planner: Option<AssetId>,
    /// The asset where it is placed.
    pub planner_at: Option<AssetId>,
    /// Whether somebody's name could not be read, so that an unknown name may be his.
    pub incomplete: bool,
}

/// What the rest of the file needs to know of an asset.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Unknown if the file does not say it right.
    pub kind: Option<Kind>,
    /// Of a rover: where it docks.
    pub dock: Option<AssetId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Habitat,
    Rover,
    Satellite,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Habitat => "habitat",
            Self::Rover => "rover",
            Self::Satellite => "satellite",
        }
    }

    /// With its article, for messages.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Habitat => "a habitat",
            Self::Rover => "a rover",
            Self::Satellite => "a satellite",
        }
    }

    pub const ALL: [Self; 3] = [Self::Habitat, Self::Rover, Self::Satellite];
}

/// Reports a name that the processes of a mission need for themselves.
pub(super) fn report_reserved(id: &At<AssetId>, problems: &Problems) {
    if RESERVED.contains(&id.value.as_str()) {
        let message = format!("the id `{}` is taken by a process of every mission", id.value);
        problems.error(id.span.clone(), message, "another id", None);
    }
}

/// A mission's own processes, whose traces and figures stand beside those of the members.
const RESERVED: [&str; 2] = ["run", "simulator"];

impl Roster {
    /// Takes `name` for an asset of the mission; reports it if there is none.
    pub fn asset(&self, name: &At<&str>, problems: &Problems) -> Option<AssetId> {
        let found = AssetId::new(name.value).ok().filter(|id| self.assets.contains_key(id));
        if found.is_none() {
            self.report_unknown(name, None, problems);
        }
        found
    }

    /// Takes `name` for an asset or the planner; reports it if there is none.
    pub fn member(&self, name: &At<&str>, problems: &Problems) -> Option<AssetId> {
        let planner = self.planner.as_ref();
        let found = AssetId::new(name.value).ok().filter(|id| self.assets.contains_key(id) || planner == Some(id));
        if found.is_none() {
            self.report_unknown(name, planner, problems);
        }
        found
    }

    /// The asset where `member` is: itself, or where the planner is placed, if that is known.
    pub fn place<'a>(&'a self, member: &'a AssetId) -> Option<&'a AssetId> {
        if self.planner.as_ref() == Some(member) { self.planner_at.as_ref() } else { Some(member) }
    }

    /// What stands where `member` is, if that is known.
    pub fn kind(&self, member: &AssetId) -> Option<Kind> {
        self.assets.get(self.place(member)?).and_then(|entry| entry.kind)
    }

    /// Where the rover `asset` docks.
    pub fn dock(&self, asset: &AssetId) -> Option<&AssetId> {
        self.assets.get(asset).and_then(|entry| entry.dock.as_ref())
    }

    fn report_unknown(&self, name: &At<&str>, planner: Option<&AssetId>, problems: &Problems) {
        let ids: Vec<&str> = self.assets.keys().chain(planner).map(AssetId::as_str).collect();
        let expected = match ids.as_slice() {
            [] => "an asset of this file".to_owned(),
            ids => format!("one of {}", ids.join(", ")),
        };
        let hint = did_you_mean(name.value, ids);
        if self.incomplete && hint.is_none() {
            return;
        }
        problems.error(name.span.clone(), format!("there is no asset {}", quoted(name.value)), expected, hint);
    }
}
