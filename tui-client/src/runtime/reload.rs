//! The configuration while the screen runs: one task that writes what is set here and reads the files when they
//! changed, so that no frame waits for a disk. It sleeps until one of both happens.

use std::path::Path;
use std::time::Duration;

use chat_common::RoomRef;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::watch::Watch;
use crate::app::settings::By;
use crate::config::{Loaded, Source, replace};
use crate::settings::Setting;

/// Things asked for that wait. Full: the asker says so.
const WAITING: usize = 64;
/// An editor's several steps are taken as one: so long nothing must happen.
const SETTLED: Duration = Duration::from_millis(60);
/// And at most so often, for what never settles.
const PATIENCE: usize = 20;

/// Something to be done.
enum Wish {
    /// Make this hold and write it.
    Set(&'static Setting, Option<String>),
    /// Make this of a room draw attention and write it.
    Room(RoomRef, Option<&'static str>),
    /// Read the files.
    Look,
}

/// What came of it.
pub(super) enum Told {
    /// What holds now, and who made it so.
    Loaded(Box<Loaded>, By),
    /// The files cannot be obeyed: why, with the place.
    Wrong(String),
    /// It holds, and could not be written: why.
    Unwritten(String),
    /// It does not hold, since it could not be written: why.
    Unchanged(String),
}

/// The task's other end.
pub(super) struct Reload {
    wishes: mpsc::Sender<Wish>,
    told: mpsc::Receiver<Told>,
    task: JoinHandle<()>,
}

impl Reload {
    /// Follows these files.
    pub(super) fn follow(source: Source) -> Self {
        let (wishes, wished) = mpsc::channel(WAITING);
        let (tell, told) = mpsc::channel(WAITING);
        Self { wishes, told, task: tokio::spawn(work(source, wished, tell)) }
    }

    /// Makes a setting hold and writes it; false where too much waits already.
    pub(super) fn set(&self, setting: &'static Setting, value: Option<String>) -> bool {
        self.wishes.try_send(Wish::Set(setting, value)).is_ok()
    }

    /// Makes this of a room draw attention and writes it; false where too much waits already.
    pub(super) fn set_room(&self, room: RoomRef, level: Option<&'static str>) -> bool {
        self.wishes.try_send(Wish::Room(room, level)).is_ok()
    }

    /// Looks whether the files changed.
    pub(super) fn look(&self) {
        // A full queue looks anyway.
        let _ = self.wishes.try_send(Wish::Look);
    }

    /// What came of something. Safe to cancel.
    pub(super) async fn next(&mut self) -> Told {
        match self.told.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }

    /// Ends when everything is written.
    pub(super) async fn finish(self) {
        let Self { wishes, told, task } = self;
        drop((wishes, told));
        if let Err(error) = task.await {
            tracing::warn!(%error, "the configuration's task failed");
        }
    }
}

async fn work(mut source: Source, mut wished: mpsc::Receiver<Wish>, tell: mpsc::Sender<Told>) {
    let mut watch = source.own().and_then(begin);
    loop {
        let mut wishes = Vec::new();
        let by = tokio::select! {
            wish = wished.recv() => {
                let Some(first) = wish else { return };
                wishes.push(first);
                while let Ok(more) = wished.try_recv() {
                    wishes.push(more);
                }
                if wishes.iter().any(|w| !matches!(w, Wish::Look)) { By::Here } else { By::File }
            }
            () = changed(&mut watch) => {
                settle(&mut watch).await;
                By::File
            }
        };
        let work = tokio::task::spawn_blocking(move || {
            let told = wishes.into_iter().filter_map(|wish| carry_out(&mut source, wish)).collect::<Vec<_>>();
            let loaded = source.load();
            (source, told, loaded)
        });
        let Ok((back, told, loaded)) = work.await else { return };
        source = back;
        if let (Some(watch), Some(path)) = (&mut watch, source.own())
            && let Err(error) = watch.aim(path)
        {
            tracing::debug!(%error, "the configuration's folder is gone");
        }
        let last = match loaded {
            Ok(loaded) => Told::Loaded(Box::new(loaded), by),
            Err(error) => Told::Wrong(error.to_string()),
        };
        for told in std::iter::once(last).chain(told) {
            // At the end nobody listens, and what was wished is written all the same.
            let _ = tell.send(told).await;
        }
    }
}

/// Begins to watch; the folder is made, so that a first file is seen too.
fn begin(path: &Path) -> Option<Watch> {
    if let Some(Err(error)) = path.parent().map(std::fs::create_dir_all) {
        tracing::debug!(%error, "there is no folder for a configuration");
    }
    Watch::new(path).inspect_err(|error| tracing::warn!(%error, "the configuration is not followed")).ok()
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(some) => {
            if let Err(error) = some.changed().await {
                tracing::warn!(%error, "the configuration is no longer followed");
                *watch = None;
            }
        }
        None => std::future::pending().await,
    }
}

async fn settle(watch: &mut Option<Watch>) {
    for _ in 0..PATIENCE {
        if tokio::time::timeout(SETTLED, changed(watch)).await.is_err() {
            return;
        }
    }
}

/// Writes; what could not be written holds in this run.
fn carry_out(source: &mut Source, wish: Wish) -> Option<Told> {
    let (setting, value) = match wish {
        Wish::Set(setting, value) => (setting, value),
        Wish::Room(room, level) => {
            let written = source
                .changed_room(&room, level)
                .map_err(|e| e.to_string())
                .and_then(|(path, text)| replace(&path, &text).map_err(|e| format!("{}: {e}", path.display())));
            return written.err().map(Told::Unchanged);
        }
        Wish::Look => return None,
    };
    source.session.retain(|(s, _)| *s != setting);
    let written = source
        .changed(setting, value.as_deref())
        .map_err(|e| e.to_string())
        .and_then(|(path, text)| replace(&path, &text).map_err(|e| format!("{}: {e}", path.display())));
    let error = written.err()?;
    source.session.extend(value.map(|value| (setting, value)));
    Some(Told::Unwritten(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::find;

    async fn theme(reload: &mut Reload) -> String {
        let told = tokio::time::timeout(Duration::from_secs(20), reload.next()).await.unwrap();
        match told {
            Told::Loaded(loaded, _) => loaded.file.screen.theme.unwrap_or_default(),
            Told::Wrong(error) | Told::Unwritten(error) | Told::Unchanged(error) => error,
        }
    }

    /// Reads until the theme is this one: a change may be told in steps.
    async fn until(reload: &mut Reload, wanted: &str) {
        while !theme(reload).await.contains(wanted) {}
    }

    #[tokio::test]
    async fn a_file_is_followed_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/config.toml");
        let source = Source { files: vec![(path.clone(), false)], ..Source::default() };
        let mut reload = Reload::follow(source);
        // The task has begun when it answers.
        reload.look();
        assert_eq!(theme(&mut reload).await, "");
        std::fs::write(&path, "[screen]\ntheme = \"dark\"\n").unwrap();
        until(&mut reload, "dark").await;
        // As editors do: another file, renamed.
        let other = path.with_extension("swp");
        std::fs::write(&other, "[screen]\ntheme = \"light\"\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        until(&mut reload, "light").await;
        std::fs::write(&path, "[screen]\n\nthema = 1\n").unwrap();
        until(&mut reload, "config.toml:3:1: unknown field").await;
        std::fs::remove_file(&path).unwrap();
        while !theme(&mut reload).await.is_empty() {}
        // A link to a file elsewhere, which is then written.
        let elsewhere = folder.path().join("dotfiles.toml");
        std::fs::write(&elsewhere, "[screen]\ntheme = \"sepia\"\n").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        until(&mut reload, "sepia").await;
        std::fs::write(&elsewhere, "[screen]\ntheme = \"ocean\"\n").unwrap();
        until(&mut reload, "ocean").await;
        reload.finish().await;
    }

    #[tokio::test]
    async fn what_of_a_room_draws_attention_is_written_and_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let source = Source { files: vec![(path.clone(), false)], ..Source::default() };
        let mut reload = Reload::follow(source);
        let room = RoomRef::parse("@ana").unwrap();
        assert!(reload.set_room(room.clone(), Some("none")));
        let told = tokio::time::timeout(Duration::from_secs(20), reload.next()).await.unwrap();
        let Told::Loaded(loaded, By::Here) = told else { panic!("it is told what holds") };
        assert_eq!(loaded.file.screen.notify.rooms.get(&room), Some(&crate::config::NotifyLevel::None));
        std::fs::write(&path, "notify = 1\n").unwrap();
        assert!(reload.set_room(room, Some("all")));
        until(&mut reload, "config.toml").await;
        reload.finish().await;
    }

    #[tokio::test]
    async fn what_is_set_is_written_and_what_cannot_be_written_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let source = Source { files: vec![(path.clone(), false)], ..Source::default() };
        let mut reload = Reload::follow(source);
        let setting = find("theme").unwrap();
        assert!(reload.set(setting, Some("forest".to_owned())));
        until(&mut reload, "forest").await;
        assert!(std::fs::read_to_string(&path).unwrap().contains("\ntheme = \"forest\""));
        std::fs::write(&path, "theme =").unwrap();
        assert!(reload.set(setting, Some("mono".to_owned())));
        until(&mut reload, "config.toml:1:").await;
        std::fs::write(&path, "# mended\n").unwrap();
        until(&mut reload, "mono").await;
        assert!(reload.set(setting, Some("16".to_owned())));
        reload.finish().await;
        assert!(
            std::fs::read_to_string(&path).unwrap().contains("theme = \"16\""),
            "what is wished is written before the end"
        );
    }
}
