//! The threads of Zenoh. It learns which to run from the environment alone, and a process cannot change its own: so the
//! program is started anew in its place, with the environment that its command wants.

use crate::failure::Failure;
use mesh_node::NodeError;
use mesh_ros::zenoh_config::RUNTIME_VARIABLE;
use std::path::Path;
use std::process::Command;

/// Goes on if Zenoh is to run the threads that `runtime` says; else the program begins again so that it does.
#[cfg(unix)]
pub fn begin_with(runtime: &str) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    if std::env::var(RUNTIME_VARIABLE).is_ok_and(|set| set == runtime) {
        return Ok(());
    }
    let refused = |why| NodeError::refused("start", Path::new("this program"))(why);
    let program = std::env::current_exe().map_err(refused)?;
    // It comes back only if it failed.
    Err(refused(Command::new(program).args(std::env::args_os().skip(1)).env(RUNTIME_VARIABLE, runtime).exec()).into())
}

/// Elsewhere whoever starts the program sets the variable.
#[cfg(not(unix))]
pub fn begin_with(_: &str) -> Result<(), Failure> {
    Ok(())
}
