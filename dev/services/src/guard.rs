//! A process that ends with us, however we end: beside it stands a shell that reads a pipe from us, and the end of
//! that pipe is the end of the process. Ctrl-C, a failed test, even a kill -9 leave nothing behind.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Starts "$@" with its output in a file, tells its id, and ends it by a signal, after 10 s by force, when a line comes
/// on descriptor 3 or its end. The end without a line means that nobody is left to remove the folder.
const SHELL: &str = r#"
exec 3<&0 </dev/null
signal=$1 log=$2 folder=$3
shift 3
"$@" 3<&- >>"$log" 2>&1 &
pid=$!
echo $pid
exec >/dev/null 2>&1
(
  read -r _ <&3 || { trap '' TERM; orphan=1; }
  kill -"$signal" $pid
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 $pid || { gone=1; break; }
    sleep 1
  done
  [ -n "$gone" ] || kill -KILL $pid
  [ -z "$orphan" ] || rm -rf "$folder"
) &
watch=$!
wait $pid
status=$?
kill $watch
exit $status
"#;

/// A process of ours.
#[derive(Debug)]
pub struct Guarded {
    /// The shell; its standard input is the pipe.
    shell: Child,
    pid: u32,
    log: PathBuf,
}

impl Guarded {
    /// Starts `words`; `signal` (as `TERM`) asks it to end in order; `folder` holds its files and `NAME.log`, and is
    /// removed by the shell only if we died without doing it.
    pub fn start(name: &str, words: &[OsString], signal: &str, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "guard", signal])
            .arg(&log)
            .arg(folder)
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C at the terminal is for us; what it means for the services is decided here.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        let mut line = String::new();
        if let Some(out) = shell.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let pid = line.trim().parse().with_context(|| format!("{name} did not start"))?;
        Ok(Self { shell, pid, log })
    }

    /// The process itself.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it printed.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines that it printed.
    pub fn log_end(&self) -> String {
        super::tail(&self.log)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.shell.try_wait().context("lost the guarding shell")
    }

    /// Sends a signal by its name (`STOP`, `CONT`, `QUIT`, …).
    pub fn signal(&self, name: &str) -> Result<()> {
        super::run(Command::new("kill").arg(format!("-{name}")).arg(self.pid.to_string()))
    }

    /// Sends a signal that ends it and waits for that.
    pub fn end_by(&mut self, name: &str) -> Result<()> {
        if self.ended()?.is_none() {
            self.signal(name)?;
            self.wait()?;
        }
        Ok(())
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        self.end_by("KILL")
    }

    /// Asks it to end in order, and waits.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut pipe) = self.shell.stdin.take() {
            // It may have ended already.
            let _ended = pipe.write_all(b"stop\n");
        }
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.ended()?.is_none() {
            if Instant::now() > deadline {
                bail!("process {} does not end; its log: {}", self.pid, self.log_end());
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn alive(pid: u32) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    }

    #[test]
    fn what_is_dropped_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let process = Guarded::start("sleep", &words("sleep 1000"), "TERM", folder.path()).unwrap();
        let pid = process.pid();
        assert!(alive(pid));
        drop(process);
        assert!(!alive(pid));
        assert!(folder.path().exists(), "the folder is ours to remove");
    }

    #[test]
    fn how_it_ended_is_told_and_what_it_printed_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Guarded::start("ls", &words("ls /nowhere"), "TERM", folder.path()).unwrap();
        process.wait().unwrap();
        assert_eq!(process.ended().unwrap().and_then(|s| s.code()), Some(2));
        assert!(process.log_end().contains("nowhere"), "{}", process.log_end());
    }

    #[test]
    fn nothing_is_left_behind_by_a_process_that_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        // A process between, as a test is, that is killed without a chance to clean up: it holds the pipe's other end.
        let script = r#"mkfifo fifo; sh -c "$1" guard TERM log inner sleep 1000 <fifo >pid & exec 3>fifo; wait"#;
        let mut between =
            Command::new("sh").args(["-c", script, "between", SHELL]).current_dir(folder.path()).spawn().unwrap();
        let until = |what: &str, holds: &dyn Fn() -> bool| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !holds() {
                assert!(Instant::now() < deadline, "not within 20 s: {what}");
                std::thread::park_timeout(Duration::from_millis(10));
            }
        };
        let pid = || std::fs::read_to_string(folder.path().join("pid")).ok()?.trim().parse::<u32>().ok();
        until("it runs", &|| pid().is_some_and(alive));
        let service = pid().unwrap();
        between.kill().unwrap();
        between.wait().unwrap();
        until("it has ended", &|| !alive(service));
        until("its folder is gone", &|| !inner.exists());
    }
}
