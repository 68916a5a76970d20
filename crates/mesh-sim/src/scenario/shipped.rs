//! The scenarios that come with the project, read from their files.

use super::model::Scenario;
use super::parse::parse;

/// The text of scenarios/lunar_base.toml.
pub const LUNAR_BASE: &str = include_str!("../../../../scenarios/lunar_base.toml");

impl Scenario {
    /// The mission of scenarios/lunar_base.toml, which is the only source of its figures.
    pub fn lunar_base() -> Self {
        let (scenario, diagnostics) = parse(LUNAR_BASE);
        scenario.unwrap_or_else(|| unreachable!("a test parses this text without diagnostics, yet: {diagnostics:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lunar_base_has_nothing_wrong_with_it() {
        let (scenario, diagnostics) = parse(LUNAR_BASE);
        assert_eq!(diagnostics, []);
        assert_eq!(scenario.map(|scenario| scenario.name.to_string()).as_deref(), Some("lunar_base"));
    }
}
