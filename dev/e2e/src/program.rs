//! Where the programs under test are, and running one of them to its end.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The path of a program of this workspace (`chat-server`, `chat-tui`); built first if it is not there.
pub fn path(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            // target/debug/deps/TEST-HASH → target/debug, and target/release/PROGRAM → target/release
            let exe = std::env::current_exe().expect("a test knows its own path");
            let dir = exe.parent().expect("a program lies in a folder");
            let dir = if dir.ends_with("deps") { dir.parent().expect("deps lies in target/PROFILE") } else { dir };
            let dir = dir.to_path_buf();
            let missing = ["chat-server", "chat-tui"].iter().any(|p| !dir.join(p).exists());
            // Under `cargo xtask test` they have just been built.
            if missing || std::env::var_os("CHAT_E2E_DIR").is_none() {
                let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let status = Command::new(cargo)
                    .args(["build", "--quiet", "--bins", "-p", "chat-server", "-p", "chat-tui"])
                    .current_dir(root())
                    .status();
                assert!(status.is_ok_and(|s| s.success()), "the programs do not build");
            }
            dir
        })
        .join(name)
}

/// The repository's top folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("dev/e2e lies two levels down").to_path_buf()
}

/// A command that knows nothing of the user who runs the tests: an empty environment but for the path, and a home
/// of its own.
pub fn isolated(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment(home)).current_dir(home);
    command
}

/// The environment of [`isolated`].
pub fn environment(home: &Path) -> Vec<(String, String)> {
    let mut all = vec![
        ("HOME".to_owned(), home.display().to_string()),
        ("USER".to_owned(), "tester".to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("TERM".to_owned(), "xterm-256color".to_owned()),
        ("TZ".to_owned(), "UTC".to_owned()),
    ];
    for keep in ["PATH", "LD_LIBRARY_PATH"] {
        if let Ok(value) = std::env::var(keep) {
            all.push((keep.to_owned(), value));
        }
    }
    all
}

/// Resident memory of a process in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("Linux says so");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of kB")
}

/// The state of a process as Linux tells it: `R`, `S`, `T` stopped, `Z` ended and not waited for; `-`: there is none.
pub fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before it may hold anything.
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('-')
}

/// Lets this process, and those it starts from now on, open some thousand files and connections.
pub fn open_many_files() {
    let pid = std::process::id().to_string();
    let done = Command::new("prlimit").args(["--pid", &pid, "--nofile=16384:"]).status();
    assert!(done.is_ok_and(|s| s.success()), "prlimit of util-linux cannot let this process open 16,384 files");
}

/// Lets a process of ours make its files no longer than this many bytes, or as long as it likes again.
pub fn limit_file_size(pid: u32, bytes: Option<u64>) {
    let limit = bytes.map_or_else(|| "unlimited".to_owned(), |b| b.to_string());
    let done =
        Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={limit}:unlimited")]).status();
    assert!(done.is_ok_and(|s| s.success()), "prlimit of util-linux cannot limit the files of {pid}");
}

/// Runs a command to its end with `input` on its standard input, off the async threads.
pub async fn finish(mut command: Command, input: &[u8]) -> Output {
    let input = input.to_vec();
    let run = tokio::task::spawn_blocking(move || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", command.get_program().display()));
        let mut stdin = child.stdin.take().expect("piped");
        let feed = std::thread::spawn(move || {
            // It may end without reading everything.
            let _closed = stdin.write_all(&input);
        });
        let output = child.wait_with_output().expect("the child is ours");
        feed.join().expect("the feeder does not panic");
        output
    });
    crate::wait::soon("a program ends", run).await.expect("it does not panic")
}
