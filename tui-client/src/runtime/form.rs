//! The form of the first start at work: draws it, tries what it wants tried against the real server, writes the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chat_common::ErrorCode;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::input::{self, Input as Typed};
use super::signals::{self, Signals, Wish as Signal};
use super::terminal::Terminal;
use crate::api::{Api, ApiError, Session, Source};
use crate::app::Msg;
use crate::app::form::{Form, Input, Place, Secret, Wanted, Wish};
use crate::config;
use crate::credentials::{Credentials, Tokens as _};
use crate::settings::find;
use crate::theme::Theme;
use crate::ui;

/// What a trial tells; more is never under way.
const STEPS: usize = 8;

/// What the form begins with, and where its answers go.
#[derive(Debug)]
pub struct FormOptions {
    /// A guest's name.
    pub name: String,
    /// The file that is written.
    pub file: PathBuf,
    /// The same, as shown.
    pub shown: String,
    /// The sessions.
    pub credentials: Credentials,
    /// The profile whose session it is.
    pub profile: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whom to trust beside the system's authorities.
    pub ca_pem: Option<Arc<[u8]>>,
    /// The look that suits the terminal.
    pub suited: &'static str,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server was reached, the file is written.
    Written,
    /// On with what is built in; nothing is written.
    Skipped,
    /// The program is to end with this exit code.
    Left(u8),
}

/// What a trial ends in.
enum Tried {
    Step(Input),
    Done,
}

/// Shows the form until it is answered.
pub async fn ask(options: FormOptions) -> anyhow::Result<Outcome> {
    let theme = Theme::named(options.suited).context("the look that suits the terminal")?;
    let ascii = std::env::var("TERM").is_ok_and(|t| matches!(t.as_str(), "linux" | "vt100"));
    let mut form = Form::new(&options.name, &options.shown);
    let mut signals = Signals::watch().context("signals cannot be watched")?;
    let mut screen = Terminal::take(false).context("the terminal cannot be used")?;
    let mut keys = input::listen();
    let options = Arc::new(options);
    let (tell, mut told) = mpsc::channel(STEPS);
    let mut trial: Option<JoinHandle<()>> = None;
    let nothing = ui::Cache::default();
    let outcome = loop {
        let drawn = screen.draw(|frame| {
            ui::form(&form, &theme, ascii, frame);
            nothing.links().clone()
        });
        drawn.context("the terminal cannot be drawn on")?;
        let wanted = tokio::select! {
            event = keys.next() => match event.map(|e| input::read(e, &nothing)) {
                Some(Typed::Msg(Msg::Key(key))) => form.update(Input::Key(key)),
                Some(Typed::Msg(Msg::Paste(text))) => form.update(Input::Paste(text)),
                Some(Typed::Resized) => {
                    screen.redraw().context("the terminal cannot be drawn on")?;
                    None
                }
                Some(_) => None,
                // The terminal is gone: as if the line had been hung up.
                None => break Outcome::Left(129),
            },
            Some(tried) = told.recv(), if trial.is_some() => match tried {
                Tried::Step(step) => form.update(step),
                Tried::Done => break Outcome::Written,
            },
            signal = signals.next() => match signal {
                Signal::End(code) => break Outcome::Left(code),
                Signal::Suspend => {
                    screen.leave();
                    signals::stop().context("the process cannot be stopped")?;
                    screen.take_again().context("the terminal cannot be used")?;
                    None
                }
            },
        };
        match wanted {
            Some(Wanted::Try(wish)) => {
                let (options, tell) = (Arc::clone(&options), tell.clone());
                trial = Some(tokio::spawn(async move {
                    let last = match attempt(&options, *wish, &tell).await {
                        Ok(()) => Tried::Done,
                        Err(failed) => Tried::Step(failed),
                    };
                    // Whoever cancelled does not listen.
                    let _ = tell.send(last).await;
                }));
            }
            Some(Wanted::Cancel) => {
                stop(trial.take(), &mut told).await;
            }
            Some(Wanted::Skip) => break Outcome::Skipped,
            Some(Wanted::Quit) => break Outcome::Left(0),
            None => {}
        }
    };
    stop(trial.take(), &mut told).await;
    keys.stop().await;
    Ok(outcome)
}

/// Ends a trial, and forgets what it said.
async fn stop(trial: Option<JoinHandle<()>>, told: &mut mpsc::Receiver<Tried>) {
    if let Some(trial) = trial {
        trial.abort();
        drop(trial.await);
        while told.try_recv().is_ok() {}
    }
}

fn failed(at: Place, wrong: impl Into<String>, hint: &str) -> Input {
    Input::Failed { at, wrong: wrong.into(), hint: hint.to_owned() }
}

/// Is there a server, does it let us in? Then the session is kept and the file written.
async fn attempt(options: &FormOptions, wish: Wish, tell: &mpsc::Sender<Tried>) -> Result<(), Input> {
    let step = async |done: String, now: String| {
        // Whoever cancelled does not listen.
        let _ = tell.send(Tried::Step(Input::Step { done, now })).await;
    };
    let Wish { server, name, password, room } = wish;
    let api = Api::new(server.clone(), options.timeout, options.ca_pem.as_deref()).map_err(|e| unreached(&e))?;
    api.alive().await.map_err(|e| unreached(&e))?;
    step(format!("{server} answers"), format!("coming in as {name}")).await;
    let guest = password.is_none();
    let source = Source::Stored {
        credentials: options.credentials.clone(),
        profile: options.profile.clone(),
        guest: name.clone(),
        forced: false,
    };
    let session = Session::new(api.clone(), source);
    match password {
        None => {
            session.access(None).await.map_err(|e| refused(&ApiError::from(e), true))?;
        }
        Some(Secret(password)) => {
            let login = chat_common::rest::Login { name: name.clone(), password };
            let opened = api.login(&login).await.map_err(|e| refused(&e, false))?;
            session.keep(opened).await.map_err(|e| refused(&ApiError::from(e), false))?;
        }
    }
    let me = session.user().map_or_else(|| name.clone(), |user| user.name.to_string());
    step(format!("in as {me}"), format!("writing {}", options.shown)).await;
    let file = options.file.clone();
    let values =
        [Some(("server", server.to_string())), guest.then_some(("name", name)), Some(("rooms", room.to_string()))];
    let written = tokio::task::spawn_blocking(move || write(&file, values.into_iter().flatten())).await;
    let hint = "Esc goes on without it";
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(wrong)) => Err(failed(Place::Connect, wrong, hint)),
        Err(error) => Err(failed(Place::Connect, error.to_string(), hint)),
    }
}

/// Writes the documented file with these values; one that is there meanwhile stays as it is.
fn write(path: &Path, values: impl Iterator<Item = (&'static str, String)>) -> Result<(), String> {
    let told = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let mut text = config::template();
    for (key, value) in values {
        let Some(setting) = find(key) else { continue };
        text = config::change(&text, setting, None, Some(&value)).map_err(|e| told(&e))?;
    }
    config::create(path, &text).map_err(|e| told(&e))
}

/// Why there is no server.
fn unreached(error: &ApiError) -> Input {
    let hint = match error {
        ApiError::HostUnknown { .. } => "look for a slip in the address",
        ApiError::Unreachable { server, .. } if server.contains("127.0.0.1") || server.contains("localhost") => {
            "is a server running on this machine? chat-server starts one in another terminal"
        }
        ApiError::Unreachable { .. } => "look at address and port, and whether the server runs",
        ApiError::NoAnswer { .. } => "try again in a moment",
        _ => "is that the address of a chat-server?",
    };
    failed(Place::Server, error.to_string(), hint)
}

/// Why it does not let us in.
fn refused(error: &ApiError, guest: bool) -> Input {
    match (error, error.code()) {
        (_, Some(ErrorCode::Forbidden | ErrorCode::Unauthorized)) if guest => Input::NoGuests,
        (_, Some(ErrorCode::Unauthorized | ErrorCode::NotFound)) => {
            failed(Place::Password, error.to_string(), "look at name and password; capitals count")
        }
        (_, Some(ErrorCode::Conflict | ErrorCode::Invalid)) => {
            failed(Place::Name, error.to_string(), "take another name")
        }
        (_, Some(ErrorCode::RateLimited)) => failed(Place::Connect, error.to_string(), "try again in a moment"),
        (ApiError::Refused { .. }, _) => {
            failed(Place::Connect, error.to_string(), "try again, or ask who runs the server")
        }
        _ => unreached(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_was_answered_and_everything_else_as_comments() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat-tui/config.toml");
        let values = || [("server", "http://h:1".to_owned()), ("name", "kim".to_owned()), ("rooms", "ops".to_owned())];
        write(&path, values().into_iter()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = config::read(&path, &text).unwrap();
        assert_eq!(file.top.server.unwrap().to_string(), "http://h:1");
        assert_eq!((file.top.name.as_deref(), file.top.rooms.unwrap().len()), (Some("kim"), 1));
        assert_eq!(file.top.timeout, None);
        assert!(text.contains("# theme = ") && text.contains("the guest name"), "{text}");
        assert!(write(&path, values().into_iter()).unwrap_err().contains("exists"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn each_failure_is_at_the_field_that_has_to_be_another() {
        let at = |input: Input| match input {
            Input::Failed { at, .. } => Some(at),
            _ => None,
        };
        let refusal = |code| ApiError::Refused { body: chat_common::ErrorBody::new(code, "x") };
        assert_eq!(at(refused(&refusal(ErrorCode::Unauthorized), false)), Some(Place::Password));
        assert!(matches!(refused(&refusal(ErrorCode::Forbidden), true), Input::NoGuests));
        assert_eq!(at(refused(&refusal(ErrorCode::Conflict), true)), Some(Place::Name));
        assert_eq!(at(refused(&refusal(ErrorCode::Internal), true)), Some(Place::Connect));
        let away = ApiError::Unreachable { server: "http://127.0.0.1:1".to_owned(), reason: "refused".to_owned() };
        let Input::Failed { at, hint, .. } = refused(&away, true) else { panic!() };
        assert!(at == Place::Server && hint.contains("chat-server"));
    }
}
