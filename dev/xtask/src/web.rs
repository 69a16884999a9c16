//! `cargo xtask web`: the pages at `/` and `/docs`, checked and bundled from `web/` into `web/dist`, which the next build
//! of the server embeds. The server needs none of this to build and to run.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{sh, test};

/// Installs the bundler and what it bundles, unless they are there, and makes the pages.
pub fn run() -> Result<()> {
    if !has_node() {
        bail!("the pages are bundled by Node.js: install nodejs (18 or newer) and npm, then try again");
    }
    let web = sh::root().join("web");
    install(&web)?;
    for step in ["check", "build"] {
        sh::run(Command::new("npm").args(["run", "--silent", step]).current_dir(&web).stdin(Stdio::null()))?;
    }
    Ok(())
}

/// For those who want the server more than its page: makes it where that is possible, and says so where it is not.
pub fn run_if_possible() {
    if !has_node() {
        println!("without Node.js the server has no page at / (cargo xtask web); chat-tui does not need it");
    } else if let Err(error) = run() {
        println!("going on without the page at /: {error:#}");
    }
}

fn has_node() -> bool {
    sh::succeeds("node", &["--version"]) && sh::succeeds("npm", &["--version"])
}

fn install(web: &Path) -> Result<()> {
    let lock = std::fs::read(web.join("package-lock.json")).context("no web/package-lock.json")?;
    let modules = web.join("node_modules");
    if test::is_installed(&modules, &lock) {
        return Ok(());
    }
    test::npm_ci(web)?;
    test::mark_installed(&modules, &lock)
}
