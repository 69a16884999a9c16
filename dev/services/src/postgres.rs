//! PostgreSQL: a cluster of its own, with the superuser `postgres` and no password, on 127.0.0.1 alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{Guarded, find, folder, free_port, run, wait_for};

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// As in earnest.
    Sync,
    /// For tests that make many databases and pull no plug.
    Fast,
}

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    // Before the folder: what uses it ends first.
    process: Option<Guarded>,
    programs: PathBuf,
    port: u16,
    safety: Safety,
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it; returns when it takes connections.
    pub fn start(safety: Safety) -> Result<Self> {
        let programs = programs()?;
        let folder = folder("postgres")?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        if let Some(user) = servant()? {
            // The log lies beside the data and is written by the shell, which keeps its rights.
            run(Command::new("chown").arg(&user).arg(&data))?;
        }
        let mut words = as_servant()?;
        words.push(programs.join("initdb").into());
        words.extend(
            ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"].map(Into::into),
        );
        words.push(data.into());
        run(Command::new(&words[0]).args(&words[1..]).current_dir(folder.path()))?;
        let mut server = Self { process: None, programs, port: free_port()?, safety, folder };
        server.launch()?;
        Ok(server)
    }

    fn launch(&mut self) -> Result<()> {
        let (fsync, port) = (if self.safety == Safety::Sync { "on" } else { "off" }, self.port.to_string());
        let mut words = as_servant()?;
        words.push(self.programs.join("postgres").into());
        words.push("-D".into());
        words.push(self.folder.path().join("data").into());
        for setting in [
            &format!("port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=500",
            &format!("fsync={fsync}"),
        ] {
            words.push("-c".into());
            words.push(setting.into());
        }
        // SIGINT: ends connections and stops.
        let mut process = Guarded::start("postgres", &words, "INT", self.folder.path())?;
        let ready = self.programs.join("pg_isready");
        wait_for("PostgreSQL", &mut process, || {
            let mut ask = Command::new(&ready);
            ask.args(["-q", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-p", &port]);
            ask.status().is_ok_and(|s| s.success())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// `postgres://postgres@127.0.0.1:PORT`, without the name of a database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// The process that accepts connections and is the parent of those that serve them, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Guarded::pid)
    }

    /// A new, empty database; its URL.
    pub fn database(&self, name: &str) -> Result<String> {
        create_database(&self.url(), name)
    }

    /// Ends at once as in a crash: no checkpoint, no goodbye to the clients.
    pub fn crash(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut p| p.end_by("QUIT"))
    }

    /// Starts it again on the same port, after a crash or while it runs.
    pub fn restart(&mut self) -> Result<()> {
        self.crash()?;
        self.launch()
    }

    /// SIGSTOP to the process that accepts connections.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process.as_ref().context("PostgreSQL does not run")?.signal(name)
    }
}

/// Makes a database on the server at `url` (`postgres://…`, without the name of a database); its URL.
pub fn create_database(url: &str, name: &str) -> Result<String> {
    let mut command = Command::new(programs()?.join("psql"));
    run(command.args(["-q", "-X", "-d", &format!("{url}/postgres"), "-c"]).arg(format!("CREATE DATABASE \"{name}\"")))?;
    Ok(format!("{url}/{name}"))
}

/// Whether its programs are installed.
pub fn has_postgres() -> bool {
    programs().is_ok()
}

/// The folder with `initdb`: Debian keeps one a version, outside the path.
fn programs() -> Result<PathBuf> {
    let whole = |folder: &Path| ["initdb", "postgres", "pg_isready", "psql"].iter().all(|p| folder.join(p).exists());
    if let Some(folder) = find("initdb").as_deref().and_then(Path::parent).filter(|f| whole(f)) {
        return Ok(folder.to_owned());
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|v| Some((v.file_name().to_str()?.parse().ok()?, v.path().join("bin"))))
        .filter(|(_, bin)| whole(bin))
        .collect();
    found.sort();
    let (_, newest) = found.pop().context("no initdb: install the package postgresql (`cargo xtask setup --tests`)")?;
    Ok(newest)
}

/// Who runs it where we are root, which PostgreSQL refuses to be.
fn servant() -> Result<Option<String>> {
    let id = |args: &[&str]| Command::new("id").args(args).output();
    if id(&["-u"]).context("cannot start id")?.stdout != b"0\n" {
        return Ok(None);
    }
    for user in ["postgres", "nobody"] {
        if id(&["-u", user]).is_ok_and(|o| o.status.success()) {
            return Ok(Some(user.to_owned()));
        }
    }
    bail!("PostgreSQL does not run as root, and there is no user postgres or nobody");
}

/// The words before a command that run it as the servant; the process keeps its id.
fn as_servant() -> Result<Vec<OsString>> {
    let Some(user) = servant()? else { return Ok(Vec::new()) };
    let group = Command::new("id").args(["-gn", &user]).output().context("cannot start id")?;
    let group = String::from_utf8_lossy(&group.stdout).trim().to_owned();
    Ok(["setpriv", "--reuid", &user, "--regid", &group, "--clear-groups"].map(OsString::from).to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn it_starts_crashes_and_comes_back_with_what_it_had() {
        // Found by the tests that need it, too, which note themselves left out.
        if programs().is_err() {
            return;
        }
        let mut server = Postgres::start(Safety::Sync).unwrap();
        let url = server.database("story").unwrap();
        server.crash().unwrap();
        assert!(server.database("none").is_err());
        server.restart().unwrap();
        let psql = server.programs.join("psql");
        run(Command::new(psql).args(["-q", "-X", "-d", &url, "-c", "SELECT 1"])).unwrap();
    }
}
