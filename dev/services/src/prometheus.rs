//! Prometheus itself, scraping what the caller names each second.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::{Guarded, accepts, folder, free_port, needed, wait_for};

/// A Prometheus on a free port with a store of its own.
#[derive(Debug)]
pub struct Prometheus {
    // Before the folder: what uses it ends first.
    process: Guarded,
    port: u16,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `target` (`HOST:PORT`) as the job `chat` and goes by the rules of a file; returns when it
    /// answers.
    pub fn start(target: &str, rules: &Path) -> Result<Self> {
        let program = needed("prometheus", "prometheus")?;
        let (folder, port) = (folder("prometheus")?, free_port()?);
        let file = folder.path().join("prometheus.yml");
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
             scrape_configs: [{{job_name: chat, static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules.display()
        );
        std::fs::write(&file, config)?;
        let words: Vec<OsString> = vec![
            program.into(),
            "--config.file".into(),
            file.into(),
            "--storage.tsdb.path".into(),
            folder.path().join("data").into(),
            "--web.listen-address".into(),
            format!("127.0.0.1:{port}").into(),
        ];
        let mut process = Guarded::start("prometheus", &words, "TERM", folder.path())?;
        wait_for("Prometheus", &mut process, || accepts(port))?;
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
