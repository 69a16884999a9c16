//! `chat-server audit`: who did what, and what is being done.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use chat_common::Timestamp;
use clap::Args;

use super::admin::{Reply, Request, ask};
use super::show;

/// How often the running server is asked for more.
const AGAIN: Duration = Duration::from_secs(1);

/// `audit`
#[derive(Clone, Debug, Args)]
pub struct Command {
    /// Not what is older, as 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<Timestamp>,
    /// At most so many lines, the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Go on with what is being done, until ^C; the server must run
    #[arg(long, short)]
    pub follow: bool,
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
}

impl Command {
    /// What to ask.
    pub fn request(&self) -> Request {
        Request::Audit { since: self.since, limit: self.limit }
    }

    /// Prints what there is and what comes, until the server ends or nobody reads any more.
    pub async fn follow(self, data_dir: &Path) -> anyhow::Result<()> {
        let mut request = self.request();
        loop {
            let Ok(reply) = ask(data_dir, request).await? else {
                anyhow::bail!("no server runs on {}; start it, or leave --follow out", data_dir.display());
            };
            let Reply::Audit { lines, newest } = reply else { anyhow::bail!("the server answered something else") };
            let mut out = io::stdout().lock();
            for line in &lines {
                match writeln!(out, "{}", show::audit_line(line, self.json)) {
                    // A closed pipe ends quietly.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    done => done?,
                }
            }
            out.flush()?;
            drop(out);
            tokio::time::sleep(AGAIN).await;
            request = Request::AuditAfter { after: newest };
        }
    }
}
