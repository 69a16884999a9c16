//! Prometheus' Alertmanager with a configuration that the caller writes.

use std::ffi::OsString;

use anyhow::Result;
use tempfile::TempDir;

use crate::{Guarded, accepts, folder, free_port, needed, wait_for};

/// An Alertmanager on a free port, alone: it looks for no others.
#[derive(Debug)]
pub struct Alertmanager {
    // Before the folder: what uses it ends first.
    process: Guarded,
    port: u16,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts one with a whole configuration; returns when it answers.
    pub fn start(config: &str) -> Result<Self> {
        let program = needed("prometheus-alertmanager", "prometheus-alertmanager")?;
        let (folder, port) = (folder("alertmanager")?, free_port()?);
        let file = folder.path().join("alertmanager.yml");
        std::fs::write(&file, config)?;
        let words: Vec<OsString> = vec![
            program.into(),
            "--config.file".into(),
            file.into(),
            "--storage.path".into(),
            folder.path().join("data").into(),
            "--web.listen-address".into(),
            format!("127.0.0.1:{port}").into(),
            "--cluster.listen-address=".into(),
        ];
        let mut process = Guarded::start("prometheus-alertmanager", &words, "TERM", folder.path())?;
        wait_for("Alertmanager", &mut process, || accepts(port))?;
        Ok(Self { process, port, _folder: folder })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it logged last.
    pub fn log_end(&self) -> String {
        self.process.log_end()
    }
}
