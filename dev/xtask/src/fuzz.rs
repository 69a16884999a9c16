//! `cargo xtask fuzz`: builds the targets of `dev/fuzz` with libFuzzer and runs them one after the other; what each came to
//! stands in a table at the end. A finding ends its target and no other.
//!
//! It works with the stable compiler: what libFuzzer needs, counters at every branch, LLVM puts in by flags that are
//! stable. Only the crates of this workspace get them, so that everything else comes from the same cache as the tests:
//! this program stands in for the compiler (`rustc-workspace-wrapper`) and adds the flags. There is no address
//! sanitizer, since our own code holds no `unsafe`; a finding is a panic, a broken promise, too much time or memory.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{setup, sh};

/// Set while this program stands in for the compiler.
const STAND_IN: &str = "CHAT_XTASK_INSTRUMENT";
/// What libFuzzer needs of the code.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];
/// Whatever is compared, so that the engine finds the words that a reader looks for. Not in the client: its words stand in
/// `dev/fuzz/words`, and drawing compares so much that it took two thirds of the time.
const COMPARES: &str = "-Cllvm-args=-sanitizer-coverage-trace-compares";
/// Made fast, with what they call most; the rest is shared with the tests.
const FAST: &[&str] =
    &["chat-common", "chat-tui", "chat-fuzz", "ratatui-core", "unicode-segmentation", "unicode-width"];
/// One input may take this many seconds, and the process so many MiB, in a build with all checks.
const LIMITS: [&str; 2] = ["-timeout=20", "-rss_limit_mb=1500"];

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    /// For how long each target runs.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Then keep only what the corpus needs to reach what it reaches.
    #[arg(long)]
    minimise: bool,
    /// Only these targets; none: all of them.
    targets: Vec<String>,
}

/// Where this process was started in the compiler's place: compiles, and gives what came of it.
pub fn as_compiler() -> Option<Result<()>> {
    std::env::var_os(STAND_IN)?;
    let mut args = std::env::args_os().skip(1);
    let compiler = args.next()?;
    let mut command = Command::new(compiler);
    command.args(args).env_remove(STAND_IN);
    let own = std::env::var("CARGO_PKG_NAME").is_ok_and(|name| name.starts_with("chat-"));
    if own && std::env::var_os("CARGO_CRATE_NAME").is_some_and(|name| name != "build_script_build") {
        command.args(FLAGS);
        if std::env::var("CARGO_PKG_NAME").is_ok_and(|name| name != "chat-tui") {
            command.arg(COMPARES);
        }
    }
    Some(match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => Err(error).context("the compiler cannot be started"),
    })
}

/// Builds and runs.
pub fn run(options: &Options) -> Result<()> {
    setup::build()?;
    if !sh::succeeds("c++", &["--version"]) {
        bail!("libFuzzer is C++ and there is no `c++`: install it with `sudo apt-get install -y g++`, then try again");
    }
    let corpus = sh::root().join("dev/fuzz/corpus");
    let targets = chosen(&options.targets, &corpus)?;
    let program = build()?;
    let mut outcomes = Vec::new();
    for target in &targets {
        let outcome = fuzz(&program, target, &corpus, options)?;
        println!("{outcome}");
        outcomes.push(outcome);
    }
    println!("| target | minutes | inputs | findings |\n|---|---|---|---|");
    outcomes.iter().for_each(|outcome| println!("{outcome}"));
    let broken: Vec<&str> = outcomes.iter().filter(|o| o.found).map(|o| o.target.as_str()).collect();
    if !broken.is_empty() {
        let place = sh::target().join("fuzz/findings");
        bail!("findings of {} are kept below {}; see CONTRIBUTING.md", broken.join(", "), place.display());
    }
    Ok(())
}

/// What a target came to; shown as a row of the table.
#[derive(Debug, PartialEq)]
struct Outcome {
    target: String,
    took: Duration,
    /// Inputs that were tried.
    inputs: u64,
    /// A promise was broken.
    found: bool,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = if self.found { "one" } else { "none" };
        write!(f, "| `{}` | {:.1} | {} | {found} |", self.target, self.took.as_secs_f64() / 60.0, self.inputs)
    }
}

/// Runs one target for its time.
fn fuzz(program: &Path, target: &str, corpus: &Path, options: &Options) -> Result<Outcome> {
    let place = sh::target().join("fuzz");
    let (seeds, found) = (corpus.join(target), place.join("corpus").join(target));
    let bad = place.join("findings").join(target);
    for folder in [&found, &bad] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    println!("--- {target}: {} min", options.minutes);
    let begin = Instant::now();
    let mut command = engine(program, target, &bad);
    command.args([
        format!("-max_total_time={}", options.minutes.saturating_mul(60)),
        "-max_len=16384".into(),
        "-print_final_stats=1".into(),
    ]);
    let dictionary = sh::root().join("dev/fuzz/words").join(target);
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let mut child =
        command.arg(&found).arg(&seeds).stderr(Stdio::piped()).spawn().context("the fuzzer cannot be started")?;
    let mut inputs = 0;
    // The engine writes nothing but this; it is passed on as it comes.
    for line in child.stderr.take().into_iter().flat_map(|said| BufReader::new(said).split(b'\n')) {
        let line = String::from_utf8_lossy(&line?).into_owned();
        inputs = executed(&line).unwrap_or(inputs);
        eprintln!("{line}");
    }
    let ended = child.wait()?;
    if ended.success() && options.minimise {
        minimise(program, target, &found, &seeds)?;
    }
    Ok(Outcome { target: target.to_owned(), took: begin.elapsed(), inputs, found: !ended.success() })
}

/// How many inputs have been tried, by a line of the engine: `#123 NEW …` while it runs, a figure at the end.
fn executed(line: &str) -> Option<u64> {
    let at_the_end = line.strip_prefix("stat::number_of_executed_units:");
    let number = at_the_end.or_else(|| line.strip_prefix('#')?.split_whitespace().next())?;
    number.trim().parse().ok()
}

/// The targets asked for; each has a folder in the corpus.
fn chosen(wanted: &[String], corpus: &Path) -> Result<Vec<String>> {
    let folders = std::fs::read_dir(corpus).with_context(|| format!("cannot list {}", corpus.display()))?;
    let mut known: Vec<String> =
        folders.filter_map(|f| f.ok().map(|f| f.file_name().to_string_lossy().into_owned())).collect();
    known.sort();
    if let Some(strange) = wanted.iter().find(|w| !known.contains(w)) {
        bail!("there is no fuzz target `{strange}`; the targets are {}", known.join(", "));
    }
    Ok(if wanted.is_empty() { known } else { wanted.to_vec() })
}

/// The program with the engine in it.
fn build() -> Result<PathBuf> {
    let this = std::env::current_exe().context("where is this program?")?;
    let mut cargo = sh::cargo();
    cargo.args(["build", "--locked", "-p", "chat-fuzz", "--bin", "chat-fuzz", "--features", "engine"]);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", this).env(STAND_IN, "1");
    for package in FAST {
        cargo.arg("--config").arg(format!("profile.dev.package.{package}.opt-level=2"));
    }
    sh::run(cargo.arg("--config").arg("profile.dev.package.chat-server.opt-level=1"))?;
    Ok(sh::target().join("debug/chat-fuzz"))
}

fn engine(program: &Path, target: &str, bad: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("CHAT_FUZZ_TARGET", target).env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    command.args(LIMITS).arg(format!("-artifact_prefix={}/", bad.display()));
    command
}

/// Puts into `seeds` the smallest inputs that together reach all that both folders reach.
fn minimise(program: &Path, target: &str, found: &Path, seeds: &Path) -> Result<()> {
    let small = found.with_file_name(format!("{target}.small"));
    if small.exists() {
        std::fs::remove_dir_all(&small).with_context(|| format!("cannot remove {}", small.display()))?;
    }
    std::fs::create_dir_all(&small)?;

    let mut command = engine(program, target, found.parent().unwrap_or(found));
    command.args(["-merge=1".to_owned(), "-max_total_time=600".to_owned()]);
    sh::run(command.arg(&small).arg(seeds).arg(found))?;
    let seeds_named = |path: &Path| path.extension().is_some();
    for file in std::fs::read_dir(seeds)?.filter_map(|f| f.ok().map(|f| f.path())).filter(|f| !seeds_named(f)) {
        std::fs::remove_file(file)?;
    }
    let kept: Vec<Vec<u8>> = std::fs::read_dir(seeds)?.filter_map(|f| std::fs::read(f.ok()?.path()).ok()).collect();
    let mut files: Vec<(u64, PathBuf)> = std::fs::read_dir(&small)?
        .filter_map(|f| f.ok())
        .map(|f| (f.metadata().map_or(0, |m| m.len()), f.path()))
        .collect();
    files.sort();
    // The corpus is read by people and by every test run: the smallest ones, as many as fit.
    let mut room = 40_000u64;
    for (size, file) in files {
        let bytes = std::fs::read(&file)?;
        if size > room || kept.contains(&bytes) {
            continue;
        }
        room -= size;
        if let Some(name) = file.file_name() {
            std::fs::write(seeds.join(name), bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_says_how_many_inputs_it_tried() {
        assert_eq!(executed("#4096\tpulse  cov: 3311 ft: 9000 corp: 400/12Kb exec/s: 2048"), Some(4_096));
        assert_eq!(executed("stat::number_of_executed_units: 4200351"), Some(4_200_351));
        for other in ["stat::peak_rss_mb: 300", "INFO: seed corpus: files: 40", "", "#", "==12== ERROR: libFuzzer"] {
            assert_eq!(executed(other), None, "{other}");
        }
    }

    #[test]
    fn a_row_says_what_a_target_came_to() {
        let row = Outcome { target: "x".to_owned(), took: Duration::from_secs(606), inputs: 77, found: false };
        assert_eq!(row.to_string(), "| `x` | 10.1 | 77 | none |");
    }
}
