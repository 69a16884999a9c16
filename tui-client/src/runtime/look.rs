//! What the settings of the screen mean, read once for checking and for making them hold.

use std::path::Path;

use crate::config::{Screen, paths};
use crate::keymap::Keymap;
use crate::notify::Rules;
use crate::theme::{NAMES, Theme};

/// Settings that can hold.
#[derive(Clone, Debug)]
pub struct Look {
    /// The live keys.
    pub keymap: Keymap,
    /// What rings.
    pub rules: Rules,
    /// The look that is named.
    pub theme: Option<(String, Theme)>,
    /// Whether the mouse is taken from the terminal.
    pub mouse: bool,
    /// Frames and marks in ASCII alone; absent: found out.
    pub ascii: Option<bool>,
    /// The left column.
    pub sidebar: Option<bool>,
    /// The right column.
    pub members: Option<bool>,
}

impl Look {
    /// Reads them; a mistake is told with its place. The path of a look is meant from `folder`, where it is relative.
    pub fn read(screen: &Screen, folder: &Path) -> Result<Self, String> {
        let keymap = screen.live_keymap().map_err(|e| e.to_string())?;
        let rules = Rules::read(&screen.notify).map_err(|e| e.to_string())?;
        let theme = screen.theme.as_deref().map(|name| theme(name, folder)).transpose()?;
        Ok(Self {
            keymap,
            rules,
            theme,
            mouse: screen.mouse.unwrap_or(true),
            ascii: screen.ascii,
            sidebar: screen.sidebar.and_then(crate::config::Shown::choice),
            members: screen.members.and_then(crate::config::Shown::choice),
        })
    }
}

/// A look by its name, or from a file.
fn theme(name: &str, folder: &Path) -> Result<(String, Theme), String> {
    if let Some(built_in) = NAMES.iter().find(|n| n.eq_ignore_ascii_case(name)) {
        return Ok(((*built_in).to_owned(), Theme::named(built_in).map_err(|e| e.to_string())?));
    }
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let path = folder.join(paths::expand(name, home.as_deref()));
    let text = std::fs::read_to_string(&path)
        .map_err(|e| format!("theme: {} cannot be read ({e}); built in are {}", path.display(), NAMES.join(", ")))?;
    let theme = Theme::read(&text).map_err(|e| format!("{}:{e}", path.display()))?;
    Ok((name.to_owned(), theme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_of_ones_own_lies_beside_the_file_and_its_mistakes_have_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let screen = Screen { theme: Some("mine.toml".to_owned()), ..Screen::default() };
        let told = Look::read(&screen, folder.path()).unwrap_err();
        assert!(told.contains("mine.toml cannot be read") && told.contains("dark, light"), "{told}");
        std::fs::write(folder.path().join("mine.toml"), "text = \"red\"\ndim = \"redd\"\n").unwrap();
        let told = Look::read(&screen, folder.path()).unwrap_err();
        assert!(told.contains("mine.toml:2:7: \"redd\" is no colour"), "{told}");
    }
}
