//! Names: of assets, fleets and junctions. Short, lower case, safe in a file name and in a topic.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{Error, ErrorKind, Read};

/// The longest name, in bytes.
pub const NAME_LENGTH_MAX: usize = 32;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The name has no characters.
    #[error("a name needs at least one character")]
    Empty,
    /// The name is longer than [`NAME_LENGTH_MAX`].
    #[error("a name has at most {NAME_LENGTH_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside `a-z`, `0-9` and `_`, or a first character that is not a letter.
    #[error("{0:?} cannot stand here: a name is a lower-case letter, then lower-case letters, digits or _")]
    Character(char),
}

pub(crate) fn validated(name: &str) -> Result<&str, IdError> {
    if name.len() > NAME_LENGTH_MAX {
        return Err(IdError::TooLong(name.len()));
    }
    let first = name.chars().next().ok_or(IdError::Empty)?;
    if !first.is_ascii_lowercase() {
        return Err(IdError::Character(first));
    }
    match name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')) {
        Some(other) => Err(IdError::Character(other)),
        None => Ok(name),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts a lower-case letter followed by lower-case letters, digits or `_`.
            pub fn new(name: &str) -> Result<Self, IdError> {
                validated(name).map(|name| Self(name.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                Self::new(&name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl BorshDeserialize for $name {
            fn deserialize_reader<R: Read>(reader: &mut R) -> std::io::Result<Self> {
                let name = String::deserialize_reader(reader)?;
                Self::new(&name).map_err(|why| Error::new(ErrorKind::InvalidData, why))
            }
        }
    };
}

name_type! {
    /// One member of the fleet. The order of ids is the order in which everything is summed.
    AssetId
}
name_type! {
    /// The fleet that a message belongs to.
    FleetId
}
name_type! {
    /// A place where problems are coupled: a power bus, a relay's bandwidth.
    JunctionId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_lower_case_words() {
        assert!(AssetId::new("rover_2").is_ok());
        assert_eq!(AssetId::new(""), Err(IdError::Empty));
        assert_eq!(AssetId::new("Rover"), Err(IdError::Character('R')));
        assert_eq!(AssetId::new("2rover"), Err(IdError::Character('2')));
        assert_eq!(AssetId::new("a/b"), Err(IdError::Character('/')));
        assert_eq!(AssetId::new(&"a".repeat(33)), Err(IdError::TooLong(33)));
    }

    #[test]
    fn a_bad_name_cannot_be_smuggled_in_through_bytes() {
        let bytes = borsh::to_vec("../key").expect("text encodes");
        assert!(borsh::from_slice::<AssetId>(&bytes).is_err());
    }
}
