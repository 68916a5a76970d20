//! What is said about a document: what is wrong or odd, where, and what to do.

use mesh_model::diagram::{Fault, Label, LabelError, ProblemFault, Warning};
use mesh_model::{AssetId, IdError};
use std::fmt;

/// One thing that is wrong or odd.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// What.
    pub what: What,
}

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the document as a whole.
    Whole,
    /// In text: line and column, from 1, a column being a character; and how many characters it is long.
    Text {
        /// The line.
        line: u32,
        /// The column.
        column: u32,
        /// How long it is, within its first line.
        length: u32,
    },
    /// In bytes: the offset.
    Byte(u64),
}

/// Whether a document can be used in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can.
    Warning,
}

/// What is wrong or odd. Texts from the document are cut to a few words.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum What {
    /// Longer than is dealt with.
    #[error("{length} bytes are more than the limit of {}", crate::DOCUMENT_LENGTH_MAX)]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// More values, or deeper, than is dealt with.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("these bytes are neither text nor the binary form of a document")]
    NotText,
    /// Not JSON.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A name stands twice in one object.
    #[error("`{key}` stands here twice")]
    DuplicateKey {
        /// The name.
        key: String,
    },
    /// A field that is not known. It is not skipped: what is skipped would be missing in the hash.
    #[error("{of} has no field `{field}`")]
    UnknownField {
        /// The field.
        field: String,
        /// Of what.
        of: &'static str,
        /// The fields that there are.
        known: &'static [&'static str],
    },
    /// A field that has to be there.
    #[error("{of} needs a field `{field}`")]
    MissingField {
        /// The field.
        field: &'static str,
        /// Of what.
        of: &'static str,
    },
    /// A value of another kind than expected.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What is expected.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// A number that cannot stand here.
    #[error("{text} is not {expected}")]
    Number {
        /// The number.
        text: String,
        /// What can.
        expected: &'static str,
    },
    /// A name in a diagram that is none.
    #[error(transparent)]
    Label(LabelError),
    /// A name of an asset or of a junction of a contract that is none.
    #[error(transparent)]
    Name(IdError),
    /// A hash that is none.
    #[error("a hash is 64 lower-case hexadecimal digits")]
    Hash,
    /// A word that is not one of those that can stand here.
    #[error("`{word}` is none of {known:?}")]
    Word {
        /// The word.
        word: String,
        /// What can stand here.
        known: &'static [&'static str],
    },
    /// Written for other software.
    #[error("a document of version {version}, where {} is known", crate::DOCUMENT_VERSION)]
    Version {
        /// The version that it names.
        version: u64,
    },
    /// Bytes that end too early.
    #[error("the document ends in the middle")]
    Truncated,
    /// Bytes that are not the binary form of any document.
    #[error("not the binary form of a document: {why}")]
    Malformed {
        /// What was met.
        why: String,
    },
    /// Bytes after the end.
    #[error("{length} bytes follow after the end of the document")]
    Trailing {
        /// How many.
        length: usize,
    },
    /// The diagram means nothing.
    #[error(transparent)]
    Fault(Fault),
    /// The diagram is odd.
    #[error(transparent)]
    Warning(Warning),
    /// Something was said over a wire that does not exist.
    #[error("nothing can be said by port `{port}` of box `{of}`: there is no such wire")]
    NoSuchWire {
        /// The box.
        of: Label,
        /// The port.
        port: Label,
    },
    /// What was said has another width than the port.
    #[error("port `{port}` of box `{of}` says {said} numbers and has width {width}")]
    SaidWidth {
        /// The box.
        of: Label,
        /// The port.
        port: Label,
        /// The port's width.
        width: usize,
        /// How many numbers it says.
        said: usize,
    },
    /// A plan delta of an asset without a box.
    #[error("{asset} signed a plan delta and has no box in the diagram")]
    DeltaOfNobody {
        /// The asset.
        asset: AssetId,
    },
    /// A plan delta that rests on another problem than the one in the diagram.
    #[error("the plan delta of {asset} rests on another problem than its box holds")]
    DeltaOfAnother {
        /// The asset.
        asset: AssetId,
    },
}

impl Diagnostic {
    /// Whether the document can be used in spite of it.
    pub fn severity(&self) -> Severity {
        match self.what {
            What::Warning(_) | What::DeltaOfNobody { .. } | What::DeltaOfAnother { .. } => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What to do, where that is not plain.
    pub fn hint(&self) -> Option<String> {
        let hint = match &self.what {
            What::UnknownField { field, known, .. } => {
                return Some(match nearest(field, known) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("it has {}", known.join(", ")),
                });
            }
            What::Word { word, known } => return Some(format!("did you mean `{}`?", nearest(word, known)?)),
            What::Fault(fault) => hint_for_fault(fault)?,
            What::Warning(warning) => hint_for_warning(warning)?,
            What::Version { .. } => "export it again, or use the software that wrote it",
            What::Syntax { found, .. } if NOT_FINITE.iter().any(|word| found.contains(word)) => {
                "JSON has neither NaN nor infinity, and a problem has no use for them: every number is finite"
            }
            What::Syntax { found, .. } if found == END_OF_TEXT => "the file is empty, or was cut off on its way",
            What::MissingField { field: "lower" | "upper", .. } | What::Kind { found: "null", .. } => BOUNDED,
            What::MissingField { .. } => "docs/diagrams.md shows a whole document",
            What::Number { expected, .. } if expected.starts_with("a number") => BOUNDED,
            What::DuplicateKey { .. } => "rename one of the two, or take it out",
            What::Truncated | What::Trailing { .. } | What::Malformed { .. } | What::NotText => {
                "the file was damaged on its way, or is something else: copy or export it again"
            }
            What::TooLong { .. } | What::TooMany { .. } => "split the diagram",
            What::NoSuchWire { .. } => "name a box and a port that the diagram has, or take out what was said",
            What::SaidWidth { .. } => "as many numbers are said as the port shares",
            What::DeltaOfNobody { .. } | What::DeltaOfAnother { .. } => {
                "export diagram and deltas from one planning of one run"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn hint_for_fault(fault: &Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Width { .. } => "a port and its junction share equally many numbers",
        Fault::Kind { .. } => "wire it to a junction of the kind that the inner diagram exposes",
        Fault::Unwired { .. } => "add it to the `wires` of its box",
        Fault::Idle { .. } => "wire a port to it, or take it out",
        Fault::NoSuchJunction { .. } => "name one of the `junctions` of the same diagram, or add it to them",
        Fault::NoSuchPort { .. } => "name one of the `ports` of the box, or add it to them",
        Fault::NameInside { .. } => "rename one of the two boxes",
        Fault::Total { .. } => "a total has as many numbers as its junction is wide; a consensus has none",
        Fault::Problem { fault: ProblemFault::Crossed { .. }, .. } => "swap the two bounds, or widen them",
        Fault::Problem { fault: ProblemFault::NoSuchVariable { .. }, .. } => "variables are counted from 0",
        Fault::Problem { fault: ProblemFault::Length { .. }, .. } => {
            "give one number a variable, 0 where it costs nothing"
        }
        Fault::Problem { fault: ProblemFault::Repeated { .. }, .. } => {
            "add the coefficients up; an entry of `quadratic` stands once, with row <= column"
        }
        _ => return None,
    })
}

fn hint_for_warning(warning: &Warning) -> Option<&'static str> {
    Some(match warning {
        Warning::Disconnected { .. } => "each part can be solved by itself; is a wire missing?",
        Warning::Open { .. } => "compose a diagram into it before it is solved",
        Warning::Alone { .. } => "wire the port of another box to it, or take it out",
        Warning::Empty => return None,
    })
}

/// What is found where nothing is left.
pub(crate) const END_OF_TEXT: &str = "the end of the text";
/// Words for numbers that are none, in the spellings of the world.
const NOT_FINITE: [&str; 5] = ["NaN", "nan", "Infinity", "infinity", "inf"];
const BOUNDED: &str =
    "a number here is finite; a bound of a variable is one that it surely stays within: certificates rest on it";

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Whole => write!(f, "{}", self.what),
            Place::Text { line, column, .. } => write!(f, "{line}:{column}: {}", self.what),
            Place::Byte(offset) => write!(f, "byte {offset}: {}", self.what),
        }
    }
}

/// Enough of a text from a document to recognise it.
pub(crate) fn shortened(text: &str) -> String {
    const LENGTH_MAX: usize = 40;
    let short: String = text.chars().take(LENGTH_MAX).collect();
    if short.len() < text.len() { format!("{short}...") } else { short }
}

/// The word that differs in fewest places, if it is at most a third of them.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let with_distance = known.iter().map(|other| (distance(word, other), *other));
    with_distance.min().filter(|(distance, other)| 3 * distance <= other.len()).map(|(_, other)| other)
}

/// How many letters have to be added, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, second) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *second);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
