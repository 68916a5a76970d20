//! Names inside a diagram: paths of short words, so that what came out of a box still says which box that was.

use crate::id::{IdError, NAME_LENGTH_MAX, validated};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::io::{Error, ErrorKind, Read};

/// The longest label, in bytes.
pub const LABEL_LENGTH_MAX: usize = 511;

/// A path of words with `.` between them: `base.rover_1`. The empty path is the name of a box that adds nothing to the
/// names inside it; nothing else may be called so.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Label(String);

/// Why a label was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The label is longer than [`LABEL_LENGTH_MAX`].
    #[error("a label has at most {LABEL_LENGTH_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// One of its words is not a name.
    #[error("{word:?} is no word of a label: {why}")]
    Word {
        /// The word.
        word: String,
        /// What is wrong with it.
        why: IdError,
    },
}

impl Label {
    /// Accepts words between dots; each is a lower-case letter followed by lower-case letters, digits or `_`, at most
    /// [`NAME_LENGTH_MAX`] long. The empty text is the empty path.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        if text.len() > LABEL_LENGTH_MAX {
            return Err(LabelError::TooLong(text.len()));
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        for word in text.split('.') {
            validated(word).map_err(|why| LabelError::Word { word: shortened(word), why })?;
        }
        Ok(Self(text.to_owned()))
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the empty path.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many words it has.
    pub fn words(&self) -> usize {
        if self.is_empty() { 0 } else { self.0.split('.').count() }
    }

    /// `inner` as it is called from outside the box that has this label. The empty path changes nothing on either side,
    /// and it does not matter in which order three labels are joined.
    pub fn join(&self, inner: &Self) -> Result<Self, LabelError> {
        if self.is_empty() || inner.is_empty() {
            return Ok(Self(format!("{}{}", self.0, inner.0)));
        }
        let joined = format!("{}.{}", self.0, inner.0);
        if joined.len() > LABEL_LENGTH_MAX { Err(LabelError::TooLong(joined.len())) } else { Ok(Self(joined)) }
    }

    /// From words that have been checked as names of other things.
    pub(super) fn of_words<const N: usize>(words: [&str; N]) -> Self {
        Self(words.join("."))
    }

    /// A name for the time being.
    pub(super) fn numbered(number: usize) -> Self {
        Self(format!("junction_{number}"))
    }

    /// What `other` is called inside a box of this label, if it lies there; the empty path if it is that box.
    pub fn rest(&self, other: &Self) -> Option<Self> {
        let rest = other.0.strip_prefix(&self.0)?;
        match rest.strip_prefix('.') {
            Some(inner) => Some(Self(inner.to_owned())),
            None => (self.is_empty() || rest.is_empty()).then(|| Self(rest.to_owned())),
        }
    }

    /// Whether `other` would lie inside a box of this label, or is the same.
    pub fn holds(&self, other: &Self) -> bool {
        self.rest(other).is_some()
    }
}

/// Enough of a word to recognise it; the text may be anybody's.
fn shortened(word: &str) -> String {
    word.chars().take(NAME_LENGTH_MAX + 1).collect()
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl BorshDeserialize for Label {
    fn deserialize_reader<R: Read>(reader: &mut R) -> std::io::Result<Self> {
        let text = String::deserialize_reader(reader)?;
        Self::new(&text).map_err(|why| Error::new(ErrorKind::InvalidData, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> Label {
        Label::new(text).expect("a good label")
    }

    #[test]
    fn labels_are_paths_of_names() {
        assert!(Label::new("base.rover_1.power").is_ok());
        assert!(Label::new("").is_ok_and(|empty| empty.words() == 0));
        for bad in [".", "a.", ".a", "a..b", "A", "a b", "../a", "1"] {
            assert!(Label::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Label::new(&"a.".repeat(400)), Err(LabelError::TooLong(800)));
    }

    #[test]
    fn joining_is_associative_and_the_empty_path_is_its_unit() {
        let (a, b, c, empty) = (label("a"), label("b.x"), label("c"), label(""));
        let join = |one: &Label, two: &Label| one.join(two).expect("short");
        assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        assert_eq!([join(&empty, &a), join(&a, &empty)], [a.clone(), a.clone()]);
        assert!(label(&vec!["word"; 100].join(".")).join(&label("thirteen_more")).is_err());
    }

    #[test]
    fn a_box_holds_what_begins_with_its_words() {
        assert!(label("a").holds(&label("a.b")) && label("a").holds(&label("a")) && label("").holds(&label("a")));
        assert!(!label("a").holds(&label("ab")) && !label("a.b").holds(&label("a")));
        assert_eq!(label("a").rest(&label("a.b.c")), Some(label("b.c")));
        assert_eq!(label("").rest(&label("a.b")), Some(label("a.b")));
    }
}
