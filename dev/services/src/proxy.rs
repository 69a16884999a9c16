//! Load balancers in front of servers under test: nginx and HAProxy with a configuration that the caller writes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{Guarded, accepts, folder, needed, run, wait_for};

/// An nginx.
#[derive(Debug)]
pub struct Nginx(Proxy);

/// An HAProxy.
#[derive(Debug)]
pub struct HaProxy(Proxy);

#[derive(Debug)]
struct Proxy {
    // Before the folder: what uses it ends first.
    process: Guarded,
    port: u16,
    config: PathBuf,
    folder: TempDir,
}

impl Nginx {
    /// Starts one with what stands between `http {` and `}`: server and upstream blocks; `port` is the one to wait
    /// for. Logs and temporary files go to a folder of its own.
    pub fn start(http: &str, port: u16) -> Result<Self> {
        let program = needed("nginx", "nginx")?;
        let folder = folder("nginx")?;
        let place = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {place}/{kind};\n"))
            .concat();
        // As root it would give its workers to a user that this system may not have.
        let user = if is_root()? { "user root;\n" } else { "" };
        let text = format!(
            "{user}daemon off;\npid {place}/nginx.pid;\nerror_log stderr warn;\nworker_processes 1;\n\
             events {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n{temporary}{http}\n}}\n"
        );
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, text)?;
        let words: Vec<OsString> = vec![
            program.into(),
            "-e".into(),
            "stderr".into(),
            "-p".into(),
            folder.path().into(),
            "-c".into(),
            config.clone().into(),
        ];
        Proxy::start("nginx", &words, port, config, folder).map(Self)
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// What it logged last.
    pub fn log_end(&self) -> String {
        self.0.process.log_end()
    }
}

impl HaProxy {
    /// Starts one with a whole configuration; `port` is the one to wait for.
    pub fn start(text: &str, port: u16) -> Result<Self> {
        let program = needed("haproxy", "haproxy")?;
        let folder = folder("haproxy")?;
        let config = folder.path().join("haproxy.cfg");
        std::fs::write(&config, text)?;
        let words: Vec<OsString> = vec![program.into(), "-db".into(), "-f".into(), config.clone().into()];
        Proxy::start("haproxy", &words, port, config, folder).map(Self)
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// What it logged last.
    pub fn log_end(&self) -> String {
        self.0.process.log_end()
    }
}

impl Proxy {
    fn start(name: &str, words: &[OsString], port: u16, config: PathBuf, folder: TempDir) -> Result<Self> {
        let mut process = Guarded::start(name, words, "TERM", folder.path())?;
        wait_for(name, &mut process, || accepts(port))
            .map_err(|e| e.context(format!("{}\nwith that", show(&config))))?;
        Ok(Self { process, port, config, folder })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (log, config) = (self.process.log_end(), show(&self.config));
            eprintln!(
                "--- {} in {}\n{config}--- what it said\n{log}\n---",
                self.config.display(),
                self.folder.path().display()
            );
        }
    }
}

fn show(config: &Path) -> String {
    std::fs::read_to_string(config).unwrap_or_default()
}

fn is_root() -> Result<bool> {
    Ok(Command::new("id").arg("-u").output().context("cannot start id")?.stdout == b"0\n")
}

/// Whether nginx itself finds a whole configuration right.
pub fn nginx_accepts(config: &Path) -> Result<()> {
    run(Command::new(needed("nginx", "nginx")?).args(["-t", "-q", "-c"]).arg(config))
}

/// Whether HAProxy itself finds a configuration right.
pub fn haproxy_accepts(config: &Path) -> Result<()> {
    run(Command::new(needed("haproxy", "haproxy")?).args(["-c", "-q", "-f"]).arg(config))
}
