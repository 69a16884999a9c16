//! Writing in the user's own editor: a private file, `$VISUAL` or `$EDITOR`, the text back.

use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

use tokio::process::Command;

/// A file that its owner alone may read; gone when dropped.
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Writes the text into a fresh file.
    pub(super) fn new(text: &str) -> io::Result<Self> {
        let name = format!("chat-tui-{}.md", crate::net::new_client_id());
        let path = std::env::temp_dir().join(name);
        let mut open = std::fs::OpenOptions::new();
        open.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
        let mut file = open.open(&path)?;
        let draft = Self { path };
        file.write_all(text.as_bytes())?;
        file.rewind()?;
        Ok(draft)
    }

    /// The command that edits it. The variable may carry arguments (`code --wait`).
    pub(super) fn editor(&self) -> Command {
        let set = ["VISUAL", "EDITOR"].into_iter().filter_map(|k| std::env::var(k).ok());
        let chosen = set.into_iter().find(|v| !v.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
        let mut words = chosen.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("vi"));
        command.args(words).arg(&self.path);
        command
    }

    /// What the file holds now; at most 1 MiB of it.
    pub(super) fn text(&self) -> io::Result<String> {
        let mut bytes = Vec::new();
        std::fs::File::open(&self.path)?.take(1024 * 1024).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the editor's file could not be removed");
        }
    }
}
