//! What the simulator tells its supervisor on standard output: frames of a length and canonical bytes.

use super::control::Figures;
use borsh::{BorshDeserialize, BorshSerialize};
use mesh_adapters::Telemetry;
use mesh_asset::Event;
use mesh_model::canonical::ENCODED_LENGTH_MAX;
use mesh_model::{AssetId, Canonical, Hash, MissionTime};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// One piece of news.
#[derive(Debug, Clone, PartialEq, BorshSerialize, BorshDeserialize)]
pub(super) enum News {
    /// All members are there, and the first tick is granted.
    Began,
    /// A link came up or went down.
    Link {
        /// When.
        now: MissionTime,
        /// One end.
        a: AssetId,
        /// The other.
        b: AssetId,
        /// Whether it came up.
        up: bool,
    },
    /// What all sensors say.
    Sensors(MissionTime, BTreeMap<AssetId, Telemetry>),
    /// An asset has shown something.
    Asset(MissionTime, AssetId, Event),
    /// An asset has refused something, and why.
    Refused(MissionTime, AssetId, String),
    /// Nobody waits for this member any more, of whose processes this one was heard last, counted from 0.
    Lost(MissionTime, AssetId, u32),
    /// It is back.
    Found(MissionTime, AssetId),
    /// What the process of a member has counted.
    Figures(AssetId, Figures),
    /// The world came to its end, or was stopped, and this is the hash of its state.
    Over {
        /// When.
        now: MissionTime,
        /// SHA-256 of the state.
        world: Hash,
        /// Whether it was stopped before the end.
        interrupted: bool,
    },
}

impl News {
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let bytes = self.encode();
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(&bytes)?;
        to.flush()
    }

    /// The next piece; `None` when there is no more. An error if what comes is no news.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut length = [0; 4];
        match from.read_exact(&mut length) {
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > ENCODED_LENGTH_MAX {
            return Err(io::Error::other(format!("news of {length} bytes")));
        }
        let mut bytes = vec![0; length];
        match from.read_exact(&mut bytes) {
            // It was killed while it spoke.
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        Self::decode(&bytes).map(Some).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_come_one_by_one_and_end_where_they_are_cut_off() {
        let rover = AssetId::new("rover").expect("a good name");
        let all = [
            News::Began,
            News::Lost(MissionTime::from_s(9), rover.clone(), 2),
            News::Figures(rover, Figures::default()),
        ];
        let mut bytes = Vec::new();
        for news in &all {
            news.write(&mut bytes).expect("memory takes it");
        }
        let mut cut = &bytes[..bytes.len() - 1];
        for news in &all[..2] {
            assert_eq!(News::read(&mut cut).expect("is news"), Some(news.clone()));
        }
        assert_eq!(News::read(&mut cut).expect("is cut off"), None);
        assert!(News::read(&mut [0xff; 8].as_slice()).is_err(), "longer than any news");
        assert!(News::read(&mut [1, 0, 0, 0, 99].as_slice()).is_err(), "an unknown kind");
    }
}
