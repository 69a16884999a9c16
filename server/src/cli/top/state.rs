//! What `top` shows and how keys change it. Knows no network, no terminal and no clock.

use std::collections::VecDeque;

use chat_common::event::admin::{AdminEvent, Person, RoomLoad, Tick};
use chat_common::rest::AuditLine;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Seconds that the curves reach back; more than a screen is wide.
const HISTORY: usize = 512;
/// Lines of the audit that are kept.
const AUDIT: usize = 500;
/// Characters of a filter.
const FILTER: usize = 40;

/// By what the lists are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The fullest queues and the busiest rooms first.
    #[default]
    Load,
    /// By name.
    Name,
    /// The newest connections first, the rooms with the most followers first.
    Size,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Load => Self::Name,
            Self::Name => Self::Size,
            Self::Size => Self::Load,
        }
    }
}

/// Everything on the screen.
#[derive(Debug, Default)]
pub struct State {
    /// The last second; `None`: nothing has come yet.
    pub tick: Option<Box<Tick>>,
    /// Messages and deliveries a second, the oldest first.
    pub history: VecDeque<(u64, u64)>,
    /// The oldest first.
    pub audit: VecDeque<AuditLine>,
    /// Why there is nothing new; `None`: there is.
    pub away: Option<String>,
    /// Nothing changes on the screen.
    pub paused: bool,
    /// Of the lists.
    pub sort: Sort,
    /// Only what holds this.
    pub filter: String,
    /// Keys go into the filter.
    pub filtering: bool,
    /// The help is shown.
    pub help: bool,
}

impl State {
    /// The server told something.
    pub fn told(&mut self, event: AdminEvent) {
        self.away = None;
        if self.paused {
            return;
        }
        match event {
            AdminEvent::Snapshot(snapshot) => {
                self.audit = snapshot.audit.into();
                self.tick = Some(Box::new(snapshot.tick));
            }
            AdminEvent::Tick(tick) => {
                if self.history.len() >= HISTORY {
                    self.history.pop_front();
                }
                let whole = |rate: f64| rate.round().max(0.0) as u64;
                self.history.push_back((whole(tick.rates.messages), whole(tick.rates.deliveries)));
                self.tick = Some(tick);
            }
            // A line may be told twice.
            AdminEvent::Audit(line) if self.audit.contains(&line) => {}
            AdminEvent::Audit(line) => {
                if self.audit.len() >= AUDIT {
                    self.audit.pop_front();
                }
                self.audit.push_back(*line);
            }
        }
    }

    /// A key was pressed; false: that was it.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return !matches!(key.code, KeyCode::Char('c' | 'q'));
        }
        if self.filtering {
            match key.code {
                KeyCode::Enter => self.filtering = false,
                KeyCode::Esc => (self.filtering, self.filter) = (false, String::new()),
                KeyCode::Backspace => drop(self.filter.pop()),
                KeyCode::Char(c) if self.filter.chars().count() < FILTER && !c.is_control() => self.filter.push(c),
                _ => {}
            }
            return true;
        }
        match key.code {
            KeyCode::Char('q') => return false,
            KeyCode::Esc if self.help => self.help = false,
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Esc => return false,
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('p' | ' ') => self.paused = !self.paused,
            KeyCode::Char('/' | 'f') => self.filtering = true,
            KeyCode::Char('?' | 'h') => self.help = !self.help,
            _ => {}
        }
        true
    }

    fn fits(&self, text: &str) -> bool {
        self.filter.is_empty() || text.to_lowercase().contains(&self.filter.to_lowercase())
    }

    /// Connections as they are to be shown.
    pub fn people(&self) -> Vec<&Person> {
        let all = self.tick.iter().flat_map(|tick| &tick.people);
        let mut people: Vec<&Person> = all.filter(|p| self.fits(p.user.as_str())).collect();
        match self.sort {
            Sort::Load => people.sort_by(|a, b| b.queue_bytes.cmp(&a.queue_bytes).then_with(|| a.user.cmp(&b.user))),
            Sort::Name => people.sort_by(|a, b| a.user.cmp(&b.user).then_with(|| a.conn.cmp(&b.conn))),
            Sort::Size => people.sort_by_key(|p| p.age_s),
        }
        people
    }

    /// Rooms as they are to be shown.
    pub fn rooms(&self) -> Vec<&RoomLoad> {
        let all = self.tick.iter().flat_map(|tick| &tick.rooms);
        let mut rooms: Vec<&RoomLoad> = all.filter(|r| self.fits(r.room.as_str())).collect();
        match self.sort {
            Sort::Load => {
                rooms.sort_by(|a, b| b.per_second.total_cmp(&a.per_second).then_with(|| a.room.cmp(&b.room)));
            }
            Sort::Name => rooms.sort_by(|a, b| a.room.cmp(&b.room)),
            Sort::Size => rooms.sort_by(|a, b| b.followers.cmp(&a.followers).then_with(|| a.room.cmp(&b.room))),
        }
        rooms
    }

    /// Lines of the audit that are to be shown, the newest first.
    pub fn audit(&self) -> impl Iterator<Item = &AuditLine> {
        self.audit.iter().rev().filter(|line| {
            let actor = line.actor.as_ref().map_or("", |user| user.name.as_str());
            [actor, &line.action, &line.subject].iter().any(|part| self.fits(part))
        })
    }
}
