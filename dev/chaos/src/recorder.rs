//! Writes the history as it happens, and keeps of it what the conductor waits for: who has joined what, who is how
//! far, and what has no answer yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use crate::event::{Event, Line};

/// A history that is being written; its clones write the same one.
#[derive(Clone, Debug)]
pub struct Recorder {
    start: Instant,
    path: PathBuf,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    file: BufWriter<File>,
    progress: Progress,
    ended: bool,
}

/// How things stand.
#[derive(Debug, Default)]
pub struct Progress {
    joined: BTreeSet<(String, String)>,
    at: BTreeMap<String, BTreeMap<String, u64>>,
    unanswered: BTreeSet<String>,
    /// The sentences of all complaints.
    pub complaints: Vec<String>,
}

impl Progress {
    fn follow(&mut self, event: &Event) {
        match event {
            Event::Joined { client, room } => drop(self.joined.insert((client.clone(), room.clone()))),
            Event::Send { key, .. } => drop(self.unanswered.insert(key.clone())),
            Event::Ack { key, .. } => drop(self.unanswered.remove(key)),
            Event::Shown { client, room, seq, .. } => {
                self.at.entry(client.clone()).or_default().insert(room.clone(), *seq);
            }
            Event::Complaint { client, what } => self.complaints.push(format!("{client}: {what}")),
            _ => {}
        }
    }

    /// Whether a client has joined a room.
    pub fn is_in(&self, client: &str, room: &str) -> bool {
        self.joined.contains(&(client.to_owned(), room.to_owned()))
    }

    /// The last number that a client showed of a room.
    pub fn at(&self, client: &str, room: &str) -> u64 {
        self.at.get(client).and_then(|rooms| rooms.get(room)).copied().unwrap_or(0)
    }

    /// Messages that were told to be sent and have no positive answer.
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }
}

impl Recorder {
    /// Begins a file.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let inner = Inner { file, progress: Progress::default(), ended: false };
        Ok(Self { start: Instant::now(), path: path.to_owned(), inner: Arc::new(Mutex::new(inner)) })
    }

    /// Writes a line; after [`Event::End`], which is the last one, what still happens is not written.
    pub fn note(&self, event: Event) {
        let mut inner = self.lock();
        if inner.ended {
            return;
        }
        inner.ended = event == Event::End {};
        // Under the lock, so that the lines ascend.
        let t = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        inner.progress.follow(&event);
        serde_json::to_writer(&mut inner.file, &Line { t, event }).expect("the history can be written");
        inner.file.write_all(b"\n").expect("the history can be written");
    }

    /// Looks at how things stand.
    pub fn with<T>(&self, look: impl FnOnce(&Progress) -> T) -> T {
        look(&self.lock().progress)
    }

    /// Everything so far, read back from the file.
    pub fn lines(&self) -> Vec<Line> {
        self.lock().file.flush().expect("the history can be written");
        let text = std::fs::read_to_string(&self.path).expect("the history can be read");
        crate::event::read(&text).unwrap_or_else(|e| panic!("{}: {e}", self.path.display()))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while writing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_back_in_order_and_the_end_is_the_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&folder.path().join("history.jsonl")).unwrap();
        let (client, room, key) = ("a".to_owned(), "r".to_owned(), "k".to_owned());
        recorder.note(Event::Send { client: client.clone(), room: room.clone(), key: key.clone() });
        assert_eq!(recorder.with(Progress::unanswered), 1);
        let rest = [
            Event::Joined { client: client.clone(), room: room.clone() },
            Event::Ack { client: client.clone(), room: room.clone(), key: key.clone(), seq: 1 },
            Event::Shown { client, room, seq: 1, key },
            Event::End {},
            Event::Connected { client: "late".to_owned() },
        ];
        rest.iter().for_each(|event| recorder.note(event.clone()));
        assert!(recorder.with(|p| p.unanswered() == 0 && p.is_in("a", "r") && p.at("a", "r") == 1));
        let lines = recorder.lines();
        assert_eq!(lines.iter().skip(1).map(|l| &l.event).collect::<Vec<_>>(), rest[..4].iter().collect::<Vec<_>>());
        assert!(lines.is_sorted_by_key(|l| l.t));
    }
}
