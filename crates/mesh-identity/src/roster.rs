//! Which key speaks for which asset.

use crate::PublicKey;
use mesh_model::AssetId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The members of a fleet and their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster(BTreeMap<AssetId, PublicKey>);

impl Roster {
    /// A roster of nobody.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// From here on `key` speaks for `asset`; gives back the key that did before.
    pub fn insert(&mut self, asset: AssetId, key: PublicKey) -> Option<PublicKey> {
        self.0.insert(asset, key)
    }

    /// The key of `asset`, if it is a member.
    pub fn key(&self, asset: &AssetId) -> Option<&PublicKey> {
        self.0.get(asset)
    }

    /// The members in id order.
    pub fn members(&self) -> impl Iterator<Item = &AssetId> {
        self.0.keys()
    }

    /// Members and keys in id order.
    pub fn iter(&self) -> impl Iterator<Item = (&AssetId, &PublicKey)> {
        self.0.iter()
    }
}

impl FromIterator<(AssetId, PublicKey)> for Roster {
    fn from_iter<I: IntoIterator<Item = (AssetId, PublicKey)>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}
