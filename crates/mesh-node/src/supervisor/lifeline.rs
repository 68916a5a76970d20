//! The other end: a supervised process listens on standard input whether it shall end, and whether its supervisor still
//! lives. When that is killed, however hard, the system closes the pipe.
//!
//! On the pipe come lines. `stop` asks the process to end, and so does the end of the file; any other line is for a
//! later version and passed over.

use std::io::{self, BufRead};
use std::thread;
use std::time::Duration;

/// The line that asks a process to end.
pub const STOP: &str = "stop";

/// Set in the environment of every supervised process. Without it nobody holds the other end of standard input, which may
/// then be closed from the start, as under systemd.
pub const HELD: &str = "COSMOSMESH_SUPERVISED";

/// Why a process shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its supervisor asks it to.
    Requested,
    /// Its supervisor is gone.
    SupervisorGone,
}

/// Whether a supervisor started this process.
pub fn is_held() -> bool {
    std::env::var_os(HELD).is_some()
}

/// Watches standard input on a thread of its own, if a supervisor started this process; returns whether. When the
/// process shall end, `on_end` is called once; the process is ended hard if it still runs `grace` later.
pub fn watch(grace: Duration, on_end: impl FnOnce(Ending) + Send + 'static) -> io::Result<bool> {
    if !is_held() {
        return Ok(false);
    }
    let lifeline = thread::Builder::new().name("lifeline".to_owned());
    lifeline.spawn(move || {
        let ending = await_ending(&mut io::stdin().lock());
        // Beside the callback, which may hang or panic.
        let limit = thread::Builder::new().name("lifeline-grace".to_owned()).spawn(move || end_after(grace));
        on_end(ending);
        if limit.is_err() {
            end_after(grace);
        }
    })?;
    Ok(true)
}

fn await_ending(input: &mut impl BufRead) -> Ending {
    let mut line = Vec::new();
    loop {
        line.clear();
        match io::Read::take(&mut *input, LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return Ending::SupervisorGone,
            Ok(_) if line.trim_ascii() == STOP.as_bytes() => return Ending::Requested,
            Ok(_) => {}
        }
    }
}

fn end_after(grace: Duration) {
    thread::sleep(grace);
    // What is registered to run at exit can hang, too.
    let abort = || {
        thread::sleep(EXIT_MAX);
        std::process::abort()
    };
    match thread::Builder::new().name("lifeline-abort".to_owned()).spawn(abort) {
        Ok(_) => std::process::exit(CODE),
        Err(_) => std::process::abort(),
    }
}

/// Of a line on standard input; more is read as several.
const LINE_BYTES_MAX: u64 = 1024;
/// How long the process may take from `exit` to its end.
const EXIT_MAX: Duration = Duration::from_secs(5);
/// Exit code of a process that was asked to end and did not.
const CODE: i32 = 130;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expect: Ending, left: &[u8]) {
        let mut input = input;
        assert_eq!(await_ending(&mut input), expect);
        assert_eq!(input, left);
    }

    #[test]
    fn a_line_or_the_end_of_the_file_ends_the_process() {
        check(b"stop\nmore\n", Ending::Requested, b"more\n");
        check(b"stop", Ending::Requested, b"");
        check(b"  stop \r\n", Ending::Requested, b"");
        check(b"", Ending::SupervisorGone, b"");
        check(b"go\nnonstop\n\xff\xfe\n", Ending::SupervisorGone, b"");
    }

    #[test]
    fn an_endless_line_is_read_in_pieces() {
        let endless = [vec![b'x'; 100_000], b"\nstop\n".to_vec()].concat();
        check(&endless, Ending::Requested, b"");
    }
}
