//! Names of nodes, topics and services, by the rules of ROS 2, and how relative ones become absolute.

use std::fmt;

/// The longest absolute name of a topic or service: what DDS leaves of 255 characters after its prefix.
pub const NAME_LENGTH_MAX: usize = 247;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A node, without its namespace.
    Node,
    /// The namespace of a node.
    Namespace,
    /// A topic or a service.
    Topic,
}

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be the name of a {named}: {flaw}")]
pub struct NameError {
    /// The name.
    pub text: String,
    /// What it was to stand for.
    pub named: Named,
    /// What is wrong with it.
    pub flaw: NameFlaw,
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFlaw {
    /// It has no characters.
    #[error("it is empty")]
    Empty,
    /// It is longer than [`NAME_LENGTH_MAX`] once it is absolute.
    #[error("it has {length} characters when absolute, at most {NAME_LENGTH_MAX} are allowed")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// A character has no place in a name.
    #[error("{0:?} cannot stand in it; letters of ASCII, digits and _ can, and / between parts")]
    Character(char),
    /// A part between slashes begins with a digit.
    #[error("a part of it begins with a digit")]
    LeadingDigit,
    /// Two slashes follow one another, or it ends with one.
    #[error("a part of it is empty: no two slashes in a row, none at the end")]
    EmptyPart,
    /// A tilde stands elsewhere than in front of the whole name.
    #[error("~ stands for the node's own name: in front, alone or followed by a slash")]
    MisplacedTilde,
    /// A namespace does not begin with a slash.
    #[error("a namespace begins with a slash")]
    Relative,
}

/// Which node: a namespace and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    /// `/` or `/a/b`.
    namespace: String,
    name: String,
}

impl NodeName {
    /// A node by its namespace, `/` or `/a/b` or empty for `/`, and its name in it.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        let refuse = |text: &str, named, flaw| NameError { text: text.to_owned(), named, flaw };
        check_part(name).map_err(|flaw| refuse(name, Named::Node, flaw))?;
        let namespace = if namespace.is_empty() { "/" } else { namespace };
        let checked = match namespace.strip_prefix('/') {
            None => Err(NameFlaw::Relative),
            Some("") => Ok(()),
            Some(parts) => parts.split('/').try_for_each(check_part),
        };
        checked.map_err(|flaw| refuse(namespace, Named::Namespace, flaw))?;
        let node = Self { namespace: namespace.to_owned(), name: name.to_owned() };
        match node.absolute().len() {
            length if length > NAME_LENGTH_MAX => Err(refuse(name, Named::Node, NameFlaw::TooLong { length })),
            _ => Ok(node),
        }
    }

    /// What `name` is to this node, as the name of a topic or service: absolute (`/a`) as it is, relative (`a`) below the
    /// namespace, private (`~/a`) below the node.
    pub fn resolve(&self, name: &str) -> Result<FullName, NameError> {
        let refuse = |flaw| NameError { text: name.to_owned(), named: Named::Topic, flaw };
        let absolute = match (name, name.strip_prefix('~'), name.strip_prefix('/')) {
            ("", ..) => return Err(refuse(NameFlaw::Empty)),
            (_, Some(rest), _) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", self.absolute()),
            (_, Some(_), _) => return Err(refuse(NameFlaw::MisplacedTilde)),
            (_, _, Some(_)) => name.to_owned(),
            _ => format!("{}/{name}", self.namespace.trim_end_matches('/')),
        };
        FullName::new(&absolute).map_err(|error| refuse(error.flaw))
    }

    /// The namespace: `/` or `/a/b`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name without the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Both: `/a/b/name`.
    pub fn absolute(&self) -> String {
        format!("{}/{}", self.namespace.trim_end_matches('/'), self.name)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.absolute())
    }
}

/// The absolute name of a topic or service: `/a/b`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FullName(String);

impl FullName {
    /// Takes an absolute name.
    pub fn new(absolute: &str) -> Result<Self, NameError> {
        let checked = match absolute.strip_prefix('/') {
            _ if absolute.is_empty() => Err(NameFlaw::Empty),
            None => Err(NameFlaw::Relative),
            Some(parts) => parts.split('/').try_for_each(check_part),
        };
        let refuse = |flaw| NameError { text: absolute.to_owned(), named: Named::Topic, flaw };
        checked.map_err(refuse)?;
        match absolute.len() {
            length if length > NAME_LENGTH_MAX => Err(refuse(NameFlaw::TooLong { length })),
            _ => Ok(Self(absolute.to_owned())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Namespace => "namespace",
            Self::Topic => "topic or service",
        })
    }
}

/// One part between slashes.
fn check_part(part: &str) -> Result<(), NameFlaw> {
    let misplaced = |c: char| match c {
        '~' => NameFlaw::MisplacedTilde,
        other => NameFlaw::Character(other),
    };
    match part.chars().next() {
        None => return Err(NameFlaw::EmptyPart),
        Some(first) if first.is_ascii_digit() => return Err(NameFlaw::LeadingDigit),
        Some(_) => {}
    }
    match part.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_')) {
        Some(other) => Err(misplaced(other)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeName {
        NodeName::new("/base/north", "rover").expect("a name")
    }

    #[test]
    fn names_are_resolved_as_in_ros() {
        let check = |name: &str, expect: &str| {
            assert_eq!(node().resolve(name).as_ref().map(FullName::as_str), Ok(expect), "{name}");
        };
        check("/clock", "/clock");
        check("odom", "/base/north/odom");
        check("arm/state", "/base/north/arm/state");
        check("~/plan", "/base/north/rover/plan");
        check("~", "/base/north/rover");
        check("_hidden", "/base/north/_hidden");
        let root = NodeName::new("/", "planner").expect("a name");
        assert_eq!(root.resolve("~/plan").as_ref().map(FullName::as_str), Ok("/planner/plan"));
        assert_eq!(root.resolve("odom").as_ref().map(FullName::as_str), Ok("/odom"));
        assert_eq!(NodeName::new("", "planner"), Ok(root));
    }

    #[test]
    fn bad_names_are_refused_with_their_flaw() {
        let check = |name: &str, expect: NameFlaw| {
            let found = node().resolve(name).map_err(|error| (error.flaw, error.named));
            assert_eq!(found, Err((expect, Named::Topic)), "{name}");
        };
        check("", NameFlaw::Empty);
        check("/", NameFlaw::EmptyPart);
        check("/a/", NameFlaw::EmptyPart);
        check("a//b", NameFlaw::EmptyPart);
        check("~a", NameFlaw::MisplacedTilde);
        check("/a/~/b", NameFlaw::MisplacedTilde);
        check("/1a", NameFlaw::LeadingDigit);
        check("a/2", NameFlaw::LeadingDigit);
        check("/a-b", NameFlaw::Character('-'));
        check("{node}", NameFlaw::Character('{'));
        check("/a/*", NameFlaw::Character('*'));
        check("/a/$*", NameFlaw::Character('$'));
        check("/@adv", NameFlaw::Character('@'));
        check("/ü", NameFlaw::Character('ü'));
        check("/a%b", NameFlaw::Character('%'));
        let long = "a".repeat(NAME_LENGTH_MAX);
        check(&format!("/{long}"), NameFlaw::TooLong { length: NAME_LENGTH_MAX + 1 });
        check(&long, NameFlaw::TooLong { length: NAME_LENGTH_MAX + "/base/north/".len() });
        assert!(node().resolve(&format!("/{}", &long[1..])).is_ok());
    }

    #[test]
    fn bad_nodes_are_refused() {
        let check = |namespace: &str, name: &str, expect: (Named, NameFlaw)| {
            let found = NodeName::new(namespace, name).map_err(|error| (error.named, error.flaw));
            assert_eq!(found, Err(expect), "{namespace} {name}");
        };
        check("/", "", (Named::Node, NameFlaw::EmptyPart));
        check("/", "a/b", (Named::Node, NameFlaw::Character('/')));
        check("/", "9a", (Named::Node, NameFlaw::LeadingDigit));
        check("base", "a", (Named::Namespace, NameFlaw::Relative));
        check("/base/", "a", (Named::Namespace, NameFlaw::EmptyPart));
        check("/base", &"a".repeat(300), (Named::Node, NameFlaw::TooLong { length: 306 }));
        let message = NodeName::new("/", "a-b").map_err(|error| error.to_string());
        assert!(message.is_err_and(|text| text.starts_with("\"a-b\" cannot be the name of a node: '-' cannot stand")));
    }
}
