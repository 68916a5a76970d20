//! Running other programs.

use crate::failure::Failure;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output};

/// The cargo that runs this program, in `folder`.
pub fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(folder);
    command
}

/// Runs `command` with its output on this program's; anything but exit code 0 is a finding.
pub fn succeed(command: &mut Command, remedy: &str) -> Result<(), Failure> {
    let status = command.status().map_err(|why| could_not_start(command, &why))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::finding(format!("{} ended with {status}", spelled(command)), remedy))
}

/// Runs `command` and takes its output.
pub fn capture(command: &mut Command) -> Result<Output, Failure> {
    command.output().map_err(|why| could_not_start(command, &why))
}

/// Starts `command` and goes on.
pub fn start(command: &mut Command) -> Result<Child, Failure> {
    command.spawn().map_err(|why| could_not_start(command, &why))
}

/// Waits for the end of what `command` started.
pub fn end(child: &mut Child, command: &Command) -> Result<ExitStatus, Failure> {
    child.wait().map_err(|why| could_not_start(command, &why))
}

/// The command as one would type it, without the folders of the program.
pub fn spelled(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn could_not_start(command: &Command, why: &std::io::Error) -> Failure {
    Failure::could_not_run(
        format!("{} could not be started: {why}", spelled(command)),
        "check that the program is installed and on the PATH",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_other_than_zero_is_a_finding() {
        assert_eq!(succeed(&mut Command::new("true"), "nothing"), Ok(()));
        assert!(matches!(succeed(&mut Command::new("false"), "try"), Err(Failure::Finding { .. })));
        let missing = succeed(&mut Command::new("a-program-that-is-not-there"), "try");
        assert!(matches!(missing, Err(Failure::CouldNotRun { .. })));
    }

    #[test]
    fn a_command_is_spelled_without_folders() {
        assert_eq!(spelled(Command::new("/usr/bin/true").arg("--now")), "true --now");
    }
}
