//! Making the settings hold, at the start and whenever they change while the screen runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::look::Look;
use super::reload::Told;
use super::{Face, Runtime};
use crate::app::Msg;
use crate::app::settings::{By, Configured};
use crate::config::{Loaded, Source, paths};
use crate::notify::Rules;
use crate::theme::Theme;

/// What holds, and what it was at the start.
pub(super) struct Holds {
    /// At the start.
    pub(super) started: Loaded,
    /// Now.
    pub(super) loaded: Loaded,
    /// The look where none is named.
    pub(super) suited: &'static str,
    /// The terminal was asked for it.
    pub(super) asked: bool,
    /// The terminal's name.
    pub(super) term: String,
    /// Line by line.
    pub(super) plain: bool,
    /// Why the files cannot be obeyed, as it was said last.
    pub(super) error: Option<String>,
}

impl Holds {
    /// The rules of attention on this terminal.
    pub(super) fn rules(&self, mut rules: Rules) -> Rules {
        if self.plain {
            rules.bell_alone();
        }
        rules
    }

    /// What the state is told.
    pub(super) fn configured(&self, look: &Look, source: &Source, by: By) -> Configured {
        let mut restart = self.started.set.differs(&self.loaded.set);
        if self.started.file.screen.plain != self.loaded.file.screen.plain {
            restart.push("plain");
        }
        Configured {
            values: self.loaded.values.clone(),
            keymap: look.keymap.clone(),
            theme: look.theme.as_ref().map_or(self.suited, |(name, _)| name).to_owned(),
            ascii: look.ascii.unwrap_or(matches!(self.term.as_str(), "linux" | "vt100" | "dumb")),
            sidebar: look.sidebar,
            members: look.members,
            restart,
            file: source.own().map(shown).unwrap_or_default(),
            by,
        }
    }
}

/// A path as people write it.
pub fn shown(path: &Path) -> String {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    paths::shown(path, home.as_deref())
}

/// The folder from which paths in the configuration are meant.
pub(super) fn folder(source: &Source) -> PathBuf {
    source.own().and_then(|p| p.parent()).map(PathBuf::from).unwrap_or_default()
}

/// The look that holds, by its name.
pub(super) fn theme(look: &Look, suited: &str) -> anyhow::Result<(String, Theme)> {
    match &look.theme {
        Some(named) => Ok(named.clone()),
        None => Ok((suited.to_owned(), Theme::named(suited).context("the look that suits the terminal")?)),
    }
}

impl Runtime {
    /// The configuration's task says something.
    pub(super) async fn configured(&mut self, told: Told) {
        match told {
            Told::Loaded(loaded, by) => match Look::read(&loaded.file.screen, &folder(&self.source)) {
                // What was written here comes back once more as a changed file.
                Ok(_) if *loaded == self.holds.loaded && self.holds.error.is_none() && by == By::File => {}
                Ok(look) => {
                    self.ask_ground(&look).await;
                    self.holds.loaded = *loaded;
                    self.holds.error = None;
                    self.obey(&look);
                    let configured = self.holds.configured(&look, &self.source, by);
                    self.tell(Msg::Configured(Box::new(configured))).await;
                }
                Err(error) => self.misconfigured(error).await,
            },
            Told::Wrong(error) => self.misconfigured(error).await,
            Told::Unwritten(error) => self.tell(Msg::Unwritten(error)).await,
            Told::Unchanged(error) => self.app.warn(format!("it stays as it was: {error}")),
        }
    }

    /// Where no look is named any more, the terminal is asked which suits it; by one reader, so that the answer is not
    /// taken for keys.
    async fn ask_ground(&mut self, look: &Look) {
        if look.theme.is_none() && !self.holds.asked && matches!(self.face, Face::Full(_)) {
            self.keys.stop().await;
            self.holds.suited = super::suited(false);
            self.holds.asked = true;
            self.keys = super::input::listen();
        }
    }

    async fn misconfigured(&mut self, error: String) {
        if self.holds.error.as_ref() != Some(&error) {
            self.holds.error = Some(error.clone());
            self.tell(Msg::Misconfigured(error)).await;
        }
    }

    /// What is not the state's own: the look, the mouse, what rings.
    fn obey(&mut self, look: &Look) {
        match theme(look, self.holds.suited) {
            Ok((_, theme)) if theme == self.theme => {}
            Ok((_, theme)) => {
                self.theme = theme;
                self.drawn.clear();
            }
            Err(error) => tracing::warn!(%error, "the look stays"),
        }
        self.notifier.obey(self.holds.rules(look.rules.clone()));
        if let Face::Full(screen) = &mut self.face {
            screen.allow_mouse(look.mouse);
        }
    }
}
