//! `chat-server top`: one node as it works, in a terminal. `source` brings what the server tells, `state` keeps it and
//! takes keys, `draw` makes pictures of it; here is the terminal and its end, however the program ends.

mod draw;
mod source;
mod state;
#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use crossterm::event::{Event, EventStream, KeyEventKind};
use futures_util::StreamExt;
use ratatui::DefaultTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use draw::Look;
use source::{Said, Source};
use state::State;

/// 128 and the number of SIGTERM.
const TERMINATED: u8 = 143;
/// 128 and the number of SIGHUP.
const HUNG_UP: u8 = 129;

/// `top`
#[derive(Clone, Debug, Args)]
pub struct Command {
    /// Watch the server at this address, and not the one that runs here on the data folder
    #[arg(long, value_name = "URL", requires = "bearer")]
    pub url: Option<String>,
    /// With --url: an access token of an admin, or an API token with the scope `admin`
    #[arg(long, value_name = "TOKEN", env = "CHAT_TOKEN", hide_env_values = true, group = "bearer")]
    pub token: Option<String>,
    /// With --url: read the token from FILE
    #[arg(long, value_name = "FILE", group = "bearer")]
    pub token_file: Option<PathBuf>,
    /// Print what is told as a JSON object a line, without a screen
    #[arg(long)]
    pub json: bool,
}

impl Command {
    /// Runs until it is told to end; gives the exit code.
    pub async fn run(self, data_dir: &Path) -> anyhow::Result<u8> {
        let source = match (&self.url, &self.token, &self.token_file) {
            (None, ..) => Source::Here(data_dir.to_owned()),
            (Some(url), Some(token), _) => Source::there(url, token.clone())?,
            (Some(url), None, Some(file)) => {
                let token = std::fs::read_to_string(file);
                let token = token.with_context(|| format!("cannot read the token file {}", file.display()))?;
                Source::there(url, token.trim().to_owned())?
            }
            (Some(_), None, None) => bail!("--url needs --token or --token-file"),
        };
        if self.json {
            print(source).await?;
            return Ok(0);
        }
        if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
            bail!("top needs a terminal; with --json it prints what is told as lines");
        }
        // The first word comes before the screen: a server that is not there is told in a sentence.
        let said = source::start(source).await?;
        let terminal = ratatui::try_init().context("cannot take the terminal")?;
        let look = Look { color: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) };
        let ended = screen(terminal, said, look).await;
        ratatui::restore();
        ended
    }
}

/// A JSON object a line, until the server ends or nobody reads.
async fn print(source: Source) -> anyhow::Result<()> {
    use std::io::Write;
    let mut said = source::start(source).await?;
    while let Some(said) = said.recv().await {
        match said {
            Said::Event(event) => {
                let line = serde_json::to_string(&event)?;
                match writeln!(std::io::stdout(), "{line}") {
                    // A closed pipe ends quietly.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    done => done?,
                }
            }
            Said::Away(why) => bail!("{why}"),
        }
    }
    Ok(())
}

/// Shows what is said and takes keys, until a key, a signal or the end of the terminal; gives the exit code.
async fn screen(mut terminal: DefaultTerminal, mut said: mpsc::Receiver<Said>, look: Look) -> anyhow::Result<u8> {
    let (mut term, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut keys = EventStream::new();
    let mut state = State::default();
    loop {
        terminal.draw(|frame| draw::draw(frame, &state, look))?;
        tokio::select! {
            heard = said.recv() => match heard {
                Some(Said::Event(event)) => state.told(*event),
                Some(Said::Away(why)) => state.away = Some(why),
                None => return Ok(0),
            },
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    if !state.key(key) {
                        return Ok(0);
                    }
                }
                // Another size, most likely: it is drawn anew.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the terminal is gone"),
                None => return Ok(0),
            },
            _ = term.recv() => return Ok(TERMINATED),
            _ = hangup.recv() => return Ok(HUNG_UP),
        }
    }
}
