//! `cargo xtask test`: brings up what the tests need beside cargo, runs all of them, says what was left out.
//!
//! The tests themselves decide what they need (`dev/e2e/src/foreign.rs`): one that misses a foreign client notes it
//! in the file named by `CHAT_E2E_LEFT_OUT`; with `CI=true` it fails instead. The databases and brokers that they share
//! are started here (`services`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::services::Services;
use crate::{setup, sh, web};

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    /// Passed on to `cargo test`, for example `-p chat-e2e wire` or `-- --nocapture`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Sets up and runs.
pub fn run(options: &Options) -> Result<()> {
    setup::build()?;
    let mut left_out: BTreeSet<String> = setup::tests().into_iter().map(|what| format!("no {what}")).collect();
    let place = place()?;
    for (what, made) in clients(&place) {
        if let Err(e) = made {
            left_out.insert(format!("{what}: {e:#}"));
        }
    }
    let services = Services::start();
    left_out.extend(services.missing.iter().cloned());
    if sh::ci() && !left_out.is_empty() {
        bail!("CI must leave nothing out, but: {}", left_out.into_iter().collect::<Vec<_>>().join("; "));
    }
    // The end-to-end tests start the programs themselves; cargo test would build only their test harnesses.
    sh::run(sh::cargo().args(["build", "--locked", "--workspace", "--bins"]))?;
    let noted = place.join("left-out.txt");
    std::fs::write(&noted, "").with_context(|| format!("cannot write {}", noted.display()))?;
    let mut cargo = sh::cargo();
    cargo.args(["test", "--locked", "--no-fail-fast"]).env("CHAT_E2E_DIR", &place).env("CHAT_E2E_LEFT_OUT", &noted);
    cargo.envs(services.variables.iter().cloned());
    if !options.rest.iter().any(|a| matches!(a.as_str(), "-p" | "--package")) {
        cargo.arg("--workspace");
    }
    let result = sh::run(cargo.args(&options.rest));
    services.stop();
    left_out.extend(std::fs::read_to_string(&noted).unwrap_or_default().lines().map(str::to_owned));
    for line in &left_out {
        println!("LEFT OUT: {line}");
    }
    result
}

/// Where what the tests need is installed.
pub fn place() -> Result<PathBuf> {
    let place = sh::target().join("e2e");
    std::fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    Ok(place)
}

/// Installs the official clients of other languages and makes the pages for the browser; what each came to.
pub fn clients(place: &Path) -> [(&'static str, Result<()>); 3] {
    [
        ("socket.io-client", npm("dev/e2e/node", &place.join("node"))),
        ("python-socketio", python(place)),
        ("the pages of web/", web::run()),
    ]
}

/// npm's packages that the folder `from` of the repository names into `to`, unless the lock file is the one already
/// installed there.
pub fn npm(from: &str, to: &Path) -> Result<()> {
    let from = sh::root().join(from);
    let lock = std::fs::read(from.join("package-lock.json")).context("no package-lock.json")?;
    if is_installed(to, &lock) {
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(from.join(file), to.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    npm_ci(to)?;
    mark_installed(to, &lock)
}

/// Installs what the lock file in `place` names, and nothing else. No package runs a script of its own.
pub fn npm_ci(place: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
    sh::run(npm.current_dir(place).stdin(Stdio::null()))
}

/// A venv in `target/e2e/python`, unless the requirements are the ones already installed.
fn python(place: &Path) -> Result<()> {
    let (list, to) = (sh::root().join("dev/e2e/python/requirements.txt"), place.join("python"));
    let wanted = std::fs::read(&list).context("no requirements.txt")?;
    if is_installed(&to, &wanted) && sh::succeeds(&to.join("bin/python").to_string_lossy(), &["--version"]) {
        return Ok(());
    }
    sh::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&to).stdin(Stdio::null()))?;
    sh::run(
        Command::new(to.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"])
            .arg(&list)
            .stdin(Stdio::null()),
    )?;
    mark_installed(&to, &wanted)
}

fn stamp(place: &Path) -> PathBuf {
    place.join(".installed")
}

/// Whether exactly that was installed there.
pub fn is_installed(place: &Path, wanted: &[u8]) -> bool {
    std::fs::read(stamp(place)).is_ok_and(|have| have == wanted)
}

/// Notes what was installed there.
pub fn mark_installed(place: &Path, wanted: &[u8]) -> Result<()> {
    std::fs::write(stamp(place), wanted).with_context(|| format!("cannot write to {}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_files_name_no_registry() {
        for folder in ["dev/e2e/node", "dev/bench/node", "web"] {
            let lock = std::fs::read_to_string(sh::root().join(folder).join("package-lock.json")).unwrap();
            assert!(!lock.contains("resolved") && !lock.contains("://"), "npm recorded where it downloaded from");
        }
        let list = std::fs::read_to_string(sh::root().join("dev/e2e/python/requirements.txt")).unwrap();
        let packages: Vec<_> = list.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
        assert!(packages.len() > 5 && packages.iter().all(|l| l.contains("==") && !l.contains("://")), "{list}");
    }
}
