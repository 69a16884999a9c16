//! What holds of all files, profiles and what was given at the start, and where each value comes from. It can be read
//! again at any time, which is how a running screen follows its file.

use std::path::{Path, PathBuf};

use chat_common::RoomRef;

use super::edit;
use super::file::{ConfigError, File, ProfileFile, placed, read};
use crate::settings::{Origin, Setting, TABLE, Values};

/// A value of the command line or the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Of what.
    pub setting: &'static Setting,
    /// As text.
    pub value: String,
    /// From where.
    pub origin: Origin,
}

/// Where the settings come from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The files, the weakest first, and whether each must be there. The last is the user's, the one that is written.
    pub files: Vec<(PathBuf, bool)>,
    /// The profile that was asked for.
    pub profile: Option<String>,
    /// What goes before every file.
    pub given: Vec<Given>,
    /// Set in this run and in no file.
    pub session: Vec<(&'static Setting, String)>,
}

/// What holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// All files laid over each other, and what was set in this run. What was given is the caller's to obey.
    pub file: File,
    /// The profile's name.
    pub profile: String,
    /// What it says, laid over the top.
    pub set: ProfileFile,
    /// Every setting with its origin.
    pub values: Values,
}

impl Source {
    /// The user's file: the one that is written and followed.
    pub fn own(&self) -> Option<&Path> {
        self.files.last().map(|(path, _)| path.as_path())
    }

    /// Reads everything anew.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let mut texts = Vec::new();
        let mut file = File::default();
        for (i, (path, must)) in self.files.iter().enumerate() {
            let Some(text) = text(path, *must)? else { continue };
            file.lay_over(read(path, &text)?);
            let origin = match i + 1 == self.files.len() {
                true => Origin::File,
                false => Origin::System(path.display().to_string()),
            };
            texts.push((text, origin));
        }
        if !self.session.is_empty() {
            let text = self
                .session
                .iter()
                .try_fold(String::new(), |text, (setting, value)| edit::change(&text, setting, None, Some(value)));
            let here = Path::new("what was set here");
            let text = text.map_err(|e| ConfigError::Edit { path: here.display().to_string(), source: e })?;
            file.lay_over(read(here, &text)?);
        }
        let (profile, set) = file.with_profile(self.profile.as_deref())?;
        file.screen.live_keymap()?;
        let mut values = Values::default();
        let all = texts.iter().flat_map(|(text, origin)| {
            let of = |setting| placed(text, setting, &[&profile]).into_iter().map(move |p| (setting, p, origin));
            TABLE.iter().flat_map(of).collect::<Vec<_>>()
        });
        let (of_profile, of_files): (Vec<_>, Vec<_>) = all.partition(|(_, placed, _)| placed.profile.is_some());
        for (setting, placed, origin) in of_files.into_iter().chain(of_profile) {
            let origin = placed.profile.map_or_else(|| origin.clone(), Origin::Profile);
            // It was looked at when the file was read.
            values.put(setting, setting.read(&placed.value).unwrap_or(placed.value), origin);
        }
        for given in &self.given {
            values.put(given.setting, given.value.clone(), given.origin.clone());
        }
        for (setting, value) in &self.session {
            values.put(setting, value.clone(), Origin::Session);
        }
        Ok(Loaded { file, profile, set, values })
    }

    /// The user's file with one setting changed, in the profile where that one holds; `None` takes the value away.
    pub fn changed(&self, setting: &Setting, value: Option<&str>) -> Result<(PathBuf, String), ConfigError> {
        let path = self.own().unwrap_or(Path::new("config.toml")).to_owned();
        let before = match text(&path, false)? {
            Some(text) => text,
            None => edit::template(),
        };
        let file = read(&path, &before)?;
        let profile = self.profile.as_deref().or(file.profile.as_deref()).unwrap_or("default");
        let in_profile = placed(&before, setting, &[profile]).into_iter().any(|p| p.profile.is_some());
        let after = edit::change(&before, setting, in_profile.then_some(profile), value)
            .map_err(|source| ConfigError::Edit { path: path.display().to_string(), source })?;
        // A file that could not be read at the next start is not written.
        read(&path, &after)?;
        Ok((path, after))
    }
}

impl Source {
    /// The user's file with what of a room draws attention; `None` takes it away.
    pub fn changed_room(&self, room: &RoomRef, level: Option<&str>) -> Result<(PathBuf, String), ConfigError> {
        let path = self.own().unwrap_or(Path::new("config.toml")).to_owned();
        let before = match text(&path, false)? {
            Some(text) => text,
            None => edit::template(),
        };
        let after = edit::change_room(&before, &room.to_string(), level)
            .map_err(|source| ConfigError::Edit { path: path.display().to_string(), source })?;
        read(&path, &after)?;
        Ok((path, after))
    }
}

/// A file's text; `None` where it need not be there and is not.
fn text(path: &Path, must: bool) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if !must && matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(ConfigError::Io { path: path.display().to_string(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::find;

    fn source(folder: &Path, system: &str, own: &str) -> Source {
        let files = [("system.toml", system), ("own.toml", own)].map(|(name, text)| {
            std::fs::write(folder.join(name), text).unwrap();
            (folder.join(name), false)
        });
        Source { files: files.to_vec(), ..Source::default() }
    }

    fn origin(loaded: &Loaded, key: &str) -> (String, String) {
        let held = loaded.values.get(find(key).unwrap());
        (held.value.unwrap_or_default(), held.origin.to_string())
    }

    #[test]
    fn each_value_says_where_it_comes_from() {
        let folder = tempfile::tempdir().unwrap();
        let system = "timeout = \"3s\"\n[screen]\nmouse = false\n[profiles.w]\nname = \"sys\"\n";
        let own = "profile = \"w\"\ntimeout = \"4s\"\nserver = \"http://a\"\n[screen]\ntheme = \"Ocean\"\n\
                   [profiles.w]\ntransport = \"polling\"\n";
        let mut source = source(folder.path(), system, own);
        let server = find("server").unwrap();
        let given = Given { setting: server, value: "http://b".to_owned(), origin: Origin::Flag("--server") };
        source.given.push(given);
        let loaded = source.load().unwrap();
        for (key, value, from) in [
            ("timeout", "4s", "file"),
            ("mouse", "off", &*folder.path().join("system.toml").display().to_string()),
            ("theme", "ocean", "file"),
            ("transport", "polling", "profile w"),
            ("name", "sys", "profile w"),
            ("server", "http://b", "--server"),
            ("keymap", "default", "default"),
            ("quiet", "", "default"),
        ] {
            assert_eq!(origin(&loaded, key), (value.to_owned(), from.to_owned()), "{key}");
        }
    }

    #[test]
    fn a_change_goes_where_the_value_stands_and_a_new_file_changes_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let text = "name = \"ana\"\n[profiles.w]\nname = \"bob\" # mine\n";
        let mut source = source(folder.path(), "", text);
        source.profile = Some("w".to_owned());
        let (path, after) = source.changed(find("name").unwrap(), Some("cem")).unwrap();
        assert_eq!(after, "name = \"ana\"\n[profiles.w]\nname = \"cem\" # mine\n");
        std::fs::remove_file(&path).unwrap();
        source.profile = None;
        let before = source.load().unwrap();
        let (_, after) = source.changed(find("theme").unwrap(), Some("sepia")).unwrap();
        std::fs::write(&path, after).unwrap();
        let loaded = source.load().unwrap();
        assert_eq!(origin(&loaded, "theme"), ("sepia".to_owned(), "file".to_owned()));
        assert_eq!(loaded.set, before.set, "a fresh file pins no default");
    }

    #[test]
    fn a_damaged_file_is_not_written_and_what_holds_here_alone_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = source(folder.path(), "", "[screen]\nthema = 1\n");
        let told = source.changed(find("theme").unwrap(), Some("dark")).unwrap_err().to_string();
        assert!(told.contains("own.toml:2:1: unknown field `thema`"), "{told}");
        std::fs::write(folder.path().join("own.toml"), "[keys]\njump = \"F1\"\n").unwrap();
        let told = source.load().unwrap_err().to_string();
        assert!(told.contains("own.toml:2:1: F1 is bound to both help and jump"), "{told}");
        std::fs::write(folder.path().join("own.toml"), "[screen]\ntheme = \"dark\"\n").unwrap();
        source.session.push((find("theme").unwrap(), "light".to_owned()));
        let loaded = source.load().unwrap();
        assert_eq!(origin(&loaded, "theme"), ("light".to_owned(), "until you quit".to_owned()));
        assert_eq!(loaded.file.screen.theme.as_deref(), Some("light"));
    }
}
