//! `cargo xtask deb`: the Debian packages of both programs, by cargo-deb. What is made from the programs themselves
//! (manual pages, completions, the configuration) is put into `target/deb` for it; what goes where stands in the two
//! manifests under `[package.metadata.deb]`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{setup, sh, web};

/// How they are made.
#[derive(clap::Args)]
pub struct Options {
    /// Cargo's profile; `quick` is built sooner, for a try.
    #[arg(long, default_value = "release")]
    pub profile: String,
}

/// The crates with a package.
const PROGRAMS: [&str; 2] = ["chat-server", "chat-tui"];
/// A program's name to that of a file.
type FileName = fn(&str) -> String;

/// The shells with completions, and the name of their file.
const SHELLS: [(&str, FileName); 3] = [
    ("bash", |program| format!("{program}.bash")),
    ("zsh", |program| format!("_{program}")),
    ("fish", |program| format!("{program}.fish")),
];
/// What is needed of each package's list; without the program's own name.
const CONTENTS: [&str; 5] = [
    "/usr/bin/",
    "/usr/share/man/man1/",
    "/usr/share/bash-completion/completions/",
    "/usr/share/zsh/vendor-completions/_",
    "/usr/share/fish/vendor_completions.d/",
];

/// Makes them; gives their files.
pub fn run(options: &Options) -> Result<Vec<PathBuf>> {
    setup::build()?;
    cargo_deb()?;
    web::run_if_possible();
    let mut build = sh::cargo();
    build.args(["build", "--locked", "--profile", &options.profile, "-p", PROGRAMS[0], "-p", PROGRAMS[1]]);
    sh::run(&mut build)?;
    prepare(&sh::target().join(&options.profile))?;
    PROGRAMS.into_iter().map(|program| package(program, &options.profile)).collect()
}

/// cargo-deb itself, installed if it is not there.
fn cargo_deb() -> Result<()> {
    if sh::succeeds("cargo-deb", &["--version"]) {
        return Ok(());
    }
    println!("installing cargo-deb …");
    sh::run(sh::cargo().args(["install", "--locked", "--quiet", "cargo-deb"]))
}

fn package(program: &str, profile: &str) -> Result<PathBuf> {
    let to = sh::target().join("debian");
    let mut cargo = sh::cargo();
    // Quiet: it warns of each file in target/ that cargo did not build. Whether all are in it, `look` says.
    cargo.args(["deb", "--quiet", "--locked", "--no-build", "--profile", profile, "-p", program, "--output"]).arg(&to);
    sh::run(&mut cargo)?;
    let made = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("{program}_")) && name.ends_with(".deb")
    };
    let entries = fs::read_dir(&to).with_context(|| format!("no {}", to.display()))?;
    let mut found: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(made).collect();
    found.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
    let file = found.pop().with_context(|| format!("cargo-deb made no package of {program}"))?;
    look(program, &file)?;
    Ok(file)
}

/// Whether everything is in it.
fn look(program: &str, file: &Path) -> Result<()> {
    let listed = output(Command::new("dpkg-deb").arg("--contents").arg(file))?;
    let mut needed: Vec<String> = CONTENTS.iter().map(|place| format!("{place}{program}")).collect();
    if program == "chat-server" {
        needed.push("/etc/chat-server/chat-server.toml".to_owned());
        needed.push("/lib/systemd/system/chat-server.service".to_owned());
        needed.push("/usr/share/man/man1/chat-server-user-add.1".to_owned());
    }
    let missing: Vec<_> = needed.iter().filter(|path| !listed.contains(path.as_str())).collect();
    if !missing.is_empty() {
        bail!("{} lacks {missing:?}; it holds\n{listed}", file.display());
    }
    Ok(())
}

/// Fills `target/deb`.
fn prepare(programs: &Path) -> Result<()> {
    let to = sh::root().join("target/deb");
    // What an earlier version had and this one has not would be packaged as well.
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    fs::create_dir_all(to.join("man"))?;
    fs::create_dir_all(to.join("completions"))?;
    for program in PROGRAMS {
        let path = programs.join(program);
        let run = |words: &[&str]| output(Command::new(&path).args(words));
        for (shell, name) in SHELLS {
            fs::write(to.join("completions").join(name(program)), run(&["completions", shell])?)?;
        }
        pages(program, &to.join("man"), &mut Vec::new(), &run)?;
    }
    fs::write(to.join("chat-server.toml"), configuration()?)?;
    let version = env!("CARGO_PKG_VERSION");
    let date = output(Command::new("date").arg("-R"))?;
    let changelog = format!(
        "chat-server ({version}-1) unstable; urgency=medium\n\n  * New release; what changed stands in CHANGELOG.md of the sources.\n\n \
         -- chat-server's maintainers <maintainers@chat-server.invalid>  {date}"
    );
    Ok(fs::write(to.join("changelog"), changelog)?)
}

/// The page of a program or command, then those of the commands within, as its `--help` lists them.
fn pages(program: &str, to: &Path, path: &mut Vec<String>, run: &dyn Fn(&[&str]) -> Result<String>) -> Result<()> {
    // chat-tui takes one name.
    if path.len() > 1 && program == "chat-tui" {
        return Ok(());
    }
    let words = |first: &[&str], path: &[String], last: &[&str]| -> Vec<String> {
        let (first, last) = (first.iter().map(|w| (*w).to_owned()), last.iter().map(|w| (*w).to_owned()));
        first.chain(path.iter().cloned()).chain(last).collect()
    };
    let said = |words: Vec<String>| run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let name = std::iter::once(program).chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    fs::write(to.join(format!("{name}.1")), said(words(&["man"], path, &[]))?)?;
    for command in commands(&said(words(&[], path, &["--help"]))?) {
        path.push(command);
        pages(program, to, path, run)?;
        path.pop();
    }
    Ok(())
}

/// The names below `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| line.trim() != "Commands:").skip(1);
    let named = list
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase())));
    named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The file of `config default`, with what a server of the whole machine has otherwise.
fn configuration() -> Result<String> {
    let mut text = fs::read_to_string(sh::root().join("server/src/config/default.toml"))?;
    for (from, to) in [
        ("#: data_dir = \"/var/lib/chat-server\"", "data_dir = \"/var/lib/chat-server\""),
        ("guests = \"auto\"", "guests = \"off\""),
        ("registration = \"auto\"", "registration = \"invite\""),
    ] {
        if !text.contains(from) {
            bail!("server/src/config/default.toml has no line `{from}` any more");
        }
        text = text.replacen(from, to, 1);
    }
    Ok(text)
}

/// What a command prints; an error names it if it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packaged_configuration_differs_where_it_must() {
        let text = configuration().unwrap();
        assert!(text.contains("\ndata_dir = \"/var/lib/chat-server\"\n") && text.contains("\nguests = \"off\"\n"));
    }

    #[test]
    fn commands_are_read_from_the_help() {
        let help =
            "About\n\nCommands:\n  user    Accounts\n  openapi\n          Print\n  help    x\n\nOptions:\n  -x\n";
        assert_eq!(commands(help), ["user", "openapi"]);
        assert_eq!(commands("Usage: x\n\nOptions:\n  -x\n"), Vec::<String>::new());
    }

    #[test]
    fn both_packages_have_the_version_of_the_workspace_and_name_what_is_there() {
        for (folder, program) in [("server", "chat-server"), ("tui-client", "chat-tui")] {
            let manifest = fs::read_to_string(sh::root().join(folder).join("Cargo.toml")).unwrap();
            assert!(manifest.contains("version.workspace = true") && manifest.contains("[package.metadata.deb]"));
            for line in manifest.lines().filter(|l| l.trim_start().starts_with("[\"")) {
                let from = line.split('"').nth(1).unwrap();
                let made = from.starts_with("target/release/") || from.starts_with("../target/deb/");
                assert!(made || sh::root().join(folder).join(from).exists(), "{program}: {from}");
            }
        }
    }
}
