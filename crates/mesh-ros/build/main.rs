//! Turns the interface files into Rust: those of ROS 2 and of this project for the crate, one more package for its
//! tests.

mod generator;

use generator::files;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let packages = files::read_packages(&here)?;
    let tests = files::read_test_package(&here)?;
    std::fs::write(out.join("interfaces.rs"), generator::generate(&packages, &[])?)?;
    std::fs::write(out.join("test_interfaces.rs"), generator::generate(&[tests], &packages)?)?;
    for source in ["build", "interfaces", "tests/interfaces", "../../msg"] {
        println!("cargo:rerun-if-changed={source}");
    }
    Ok(())
}
