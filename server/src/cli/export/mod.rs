//! `chat-server export`: everything a room holds, written out page by page, so that a million messages need little
//! memory. What a format looks like is `format`'s.

mod format;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chat_common::model::RoomKind;
use chat_common::{RoomName, Seq, Timestamp, UserName};
use clap::ValueEnum;

use super::db::plain;
use super::progress::Bar;
use super::verify::archive;
use crate::config::Config;
use crate::storage::{Archive, RoomRow};
use format::Writer;

/// Messages read at once.
const PAGE: u32 = 500;

/// `export`
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Which room
    #[arg(long, value_name = "NAME", required_unless_present = "direct", conflicts_with = "direct")]
    room: Option<RoomName>,
    /// The direct conversation of two users, as ana,bob
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    direct: Vec<UserName>,
    /// How it is written
    #[arg(long)]
    format: Format,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
    /// Only what was said since then, as 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Yes, this room is private, or a direct conversation, and its members know of it
    #[arg(long)]
    private: bool,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A JSON object a line, one for each message
    Jsonl,
    /// Markdown
    Md,
    /// One page for any browser, without scripts
    Html,
}

/// A room that was found and may be exported.
pub struct Found {
    archive: Box<dyn Archive>,
    room: RoomRow,
}

impl Found {
    /// Which room, for the audit.
    pub fn room(&self) -> &RoomName {
        &self.room.name
    }
}

impl Export {
    /// Looks the room up, and whether it was said that it is private.
    pub async fn find(&self, config: &Config) -> anyhow::Result<Found> {
        if let Some(out) = self.out.as_deref().filter(|out| out.exists() && !self.force) {
            bail!("{} is there already; name another file, or replace it with --force", out.display());
        }
        let archive = archive(config).await?;
        let name = match (&self.room, self.direct.as_slice()) {
            (Some(name), _) => name.clone(),
            (None, [a, b]) => RoomName::direct(user(&*archive, a).await?, user(&*archive, b).await?),
            (None, _) => bail!("two names belong to --direct, as --direct ana,bob"),
        };
        let Some(room) = plain(archive.room(&name).await)? else {
            bail!("there is no room {name}; `chat-server room list` or GET /api/v1/rooms names them");
        };
        if room.kind != RoomKind::Public && !self.private {
            let what = if room.kind == RoomKind::Direct { "a direct conversation" } else { "a private room" };
            bail!("{name} is {what}; say --private if you may read it (it stands in the audit)");
        }
        Ok(Found { archive, room })
    }

    /// What the audit says of it.
    pub fn detail(&self) -> String {
        let format = self.format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        self.since.map_or(format.clone(), |since| format!("{format} since {since}"))
    }

    /// Writes it; the text to print on standard error.
    pub async fn run(self, found: Found) -> anyhow::Result<String> {
        match &self.out {
            Some(out) => {
                let mut partial = Partial::new(out)?;
                let count = {
                    let mut file = BufWriter::new(&mut partial.file);
                    let count =
                        self.write(&found, &mut file, true).await.map_err(|error| partial_failed(out, error))?;
                    file.flush().map_err(|error| partial_failed(out, error.into()))?;
                    count
                };
                partial.finish(out).map_err(|error| partial_failed(out, error.into()))?;
                Ok(format!("{count} messages of {} in {}", found.room.name, out.display()))
            }
            None => {
                let stdout = io::stdout();
                let terminal = stdout.is_terminal();
                let mut lines = BufWriter::new(Harmless { out: stdout.lock(), terminal });
                let written = self.write(&found, &mut lines, false).await;
                match written.and_then(|count| Ok(lines.flush().map(|()| count)?)) {
                    Ok(count) => Ok(format!("{count} messages of {}", found.room.name)),
                    // A closed pipe ends quietly.
                    Err(error) if closed(&error) => Ok(String::new()),
                    Err(error) => Err(error).context("cannot print"),
                }
            }
        }
    }

    async fn write(&self, found: &Found, out: &mut dyn Write, bar: bool) -> anyhow::Result<u64> {
        let Found { archive, room } = found;
        let mut after = match self.since {
            Some(since) => plain(archive.seq_before(room.id, since).await)?,
            None => Seq::ZERO,
        };
        let mut bar = bar.then(|| Bar::of("entries"));
        let mut writer = Writer::new(self.format, room);
        writer.begin(out)?;
        let mut count = 0;
        // What is said meanwhile is not waited for.
        while after < room.head {
            let page = plain(archive.messages_after(room.id, after, PAGE).await)?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for message in page.iter().filter(|message| message.seq <= room.head) {
                writer.message(out, message)?;
                count += 1;
            }
            if let Some(bar) = &mut bar {
                bar.show("export", after.0.min(room.head.0), room.head.0);
            }
        }
        writer.end(out)?;
        Ok(count)
    }
}

async fn user(archive: &dyn Archive, name: &UserName) -> anyhow::Result<chat_common::UserId> {
    match plain(archive.user_id(name).await)? {
        Some(id) => Ok(id),
        None => bail!("there is no user {name}; `chat-server user list` names them"),
    }
}

fn closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn partial_failed(out: &Path, error: anyhow::Error) -> anyhow::Error {
    error.context(format!("{} cannot be written, and is not; make room there or name another place", out.display()))
}

/// A file under its working name, for its owner alone; gone unless it was finished.
struct Partial {
    file: File,
    path: PathBuf,
    finished: bool,
}

impl Partial {
    fn new(out: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut name = out.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        let mut options = File::options();
        options.create(true).write(true).truncate(true).mode(0o600);
        let file = options.open(&path).map_err(|error| partial_failed(out, error.into()))?;
        Ok(Self { file, path, finished: false })
    }

    fn finish(&mut self, out: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, out)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            let _not_there = std::fs::remove_file(&self.path);
        }
    }
}

/// Standard output; a terminal gets nothing that could drive it.
struct Harmless<W> {
    out: W,
    terminal: bool,
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.terminal {
            return self.out.write(bytes);
        }
        // Whole characters alone: what is cut at the end of the buffer comes again with the rest.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if error.valid_up_to() > 0 => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return Err(io::ErrorKind::InvalidData.into()),
        };
        self.out.write_all(chat_common::text::visible(text).as_bytes())?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
