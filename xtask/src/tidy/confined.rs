//! Packages that only some crates may use, so that what they bring (sockets, entropy, certificates, signals) stays behind
//! those crates' interfaces. Tests are free: one may play a peer that is not ours, with a session of its own.

use super::findings::Finding;
use crate::metadata::Metadata;

/// Package, its only users, and what others do instead. A name with `-` at its end stands for all that begin with it.
const CONFINED: [(&str, &[&str], &str); 8] = [
    (
        "zenoh",
        &["mesh-ros", "mesh-node"],
        "use mesh-ros's backend for the local plane, mesh-node's session for the mesh",
    ),
    (
        "zenoh-",
        &["mesh-ros", "mesh-node"],
        "use mesh-ros's backend for the local plane, mesh-node's session for the mesh",
    ),
    ("hiroz-", &["mesh-ros"], "use the Rust types that mesh-ros makes from the interface files"),
    ("rcgen", &["mesh-node"], "certificates are made by mesh-node's fleet folder"),
    ("x509-parser", &["mesh-node"], "certificates are read by mesh-node's fleet folder"),
    ("getrandom", &["mesh-node"], "let the shell draw it and pass it in"),
    ("mcap", &["mesh-node"], "recordings are written and read by mesh-node"),
    ("ctrlc", &["mesh-cli"], "only the program decides what a signal means"),
];

/// Checks what the members depend on directly.
pub fn check(metadata: &Metadata) -> Vec<Finding> {
    let uses = metadata.members().flat_map(|package| {
        let shipped = package.dependencies.iter().filter(|dependency| !dependency.dev);
        shipped.map(move |dependency| (&*package.name, &*dependency.name))
    });
    let wrong = uses.filter_map(|(user, used)| {
        let (_, users, remedy) = CONFINED.iter().find(|(name, ..)| is_meant(name, used))?;
        let problem = format!("depends on {used}, which only {} may", users.join(" and "));
        (!users.contains(&user)).then(|| Finding::new(user, problem, *remedy))
    });
    wrong.collect()
}

fn is_meant(name: &str, used: &str) -> bool {
    if name.ends_with('-') { used.starts_with(name) } else { used == name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Dependency, Package};

    fn check_use(user: &str, used: &str, dev: bool, expect: usize) {
        let package = Package {
            name: user.to_owned(),
            version: "0.1.0".to_owned(),
            folder: user.into(),
            licence: None,
            member: true,
            dependencies: vec![Dependency { name: used.to_owned(), dev }],
        };
        let findings = check(&Metadata { target: "target".into(), packages: vec![package] });
        assert_eq!(findings.len(), expect, "{user} -> {used}: {findings:?}");
    }

    #[test]
    fn a_confined_package_is_used_by_its_users_and_by_tests_only() {
        check_use("mesh-ros", "zenoh", false, 0);
        check_use("mesh-node", "zenoh", false, 0);
        check_use("mesh-cli", "zenoh", false, 1);
        check_use("mesh-cli", "zenoh", true, 0);
        check_use("mesh-asset", "getrandom", false, 1);
    }

    #[test]
    fn a_family_of_packages_is_meant_by_its_beginning() {
        check_use("mesh-cli", "zenoh-ext", false, 1);
        check_use("mesh-cli", "zenoh-config", false, 1);
        check_use("mesh-cli", "zenohs", false, 0);
        check_use("mesh-ros", "hiroz-codegen", false, 0);
        check_use("mesh-node", "hiroz-codegen", false, 1);
    }
}
