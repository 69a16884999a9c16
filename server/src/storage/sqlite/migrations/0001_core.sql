-- Accounts, rooms, logs. Times are milliseconds since 1970 (UTC); user ids are their 63 bits.

CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

-- kind: 0 user, 1 guest, 2 bot. role: 0 user, 1 admin.
CREATE TABLE users (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  display_name  TEXT NOT NULL,
  kind          INTEGER NOT NULL,
  role          INTEGER NOT NULL,
  owner         INTEGER,
  password_hash TEXT,
  created_at    INTEGER NOT NULL,
  banned_until  INTEGER
) STRICT;

-- Every name ever given and to whom; rows are never deleted.
CREATE TABLE names (
  name     TEXT NOT NULL,
  skeleton TEXT NOT NULL,
  user     INTEGER NOT NULL,
  PRIMARY KEY (skeleton, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id         TEXT PRIMARY KEY,
  user       INTEGER NOT NULL,
  agent      TEXT,
  created_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  refresh    BLOB NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user, created_at);

-- Refresh tokens that were replaced: for 60 s they still work, afterwards their use ends the session.
CREATE TABLE spent_refreshes (
  hash    BLOB PRIMARY KEY,
  session TEXT NOT NULL,
  at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_refreshes_session ON spent_refreshes (session, at);

CREATE TABLE tokens (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  owner      INTEGER NOT NULL,
  bot        INTEGER NOT NULL,
  name       TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  rooms      TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_owner ON tokens (owner, created_at);

CREATE TABLE invites (
  id         TEXT PRIMARY KEY,
  code_hash  BLOB NOT NULL UNIQUE,
  by         INTEGER,
  uses_left  INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blocks (
  user  INTEGER NOT NULL,
  other INTEGER NOT NULL,
  at    INTEGER NOT NULL,
  PRIMARY KEY (user, other)
) STRICT, WITHOUT ROWID;

CREATE TABLE authority_log (
  id   INTEGER PRIMARY KEY AUTOINCREMENT,
  at   INTEGER NOT NULL,
  kind TEXT NOT NULL,
  user INTEGER,
  room INTEGER,
  key  TEXT
) STRICT;

CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  actor   INTEGER,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail  TEXT
) STRICT;

-- kind: 0 public, 1 private, 2 direct. A deleted room has no name and is emptied in slices; its id never returns.
CREATE TABLE rooms (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT UNIQUE,
  kind       INTEGER NOT NULL,
  topic      TEXT NOT NULL,
  folded     TEXT NOT NULL,
  first      INTEGER NOT NULL DEFAULT 1,
  head       INTEGER NOT NULL DEFAULT 0,
  head_at    INTEGER NOT NULL DEFAULT 0,
  members    INTEGER NOT NULL DEFAULT 0,
  low        INTEGER,
  high       INTEGER,
  created_at INTEGER NOT NULL
) STRICT;

-- role: 1 member, 2 moderator, 3 owner.
CREATE TABLE members (
  room      INTEGER NOT NULL,
  user      INTEGER NOT NULL,
  role      INTEGER NOT NULL,
  read      INTEGER NOT NULL,
  joined_at INTEGER NOT NULL,
  PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_user ON members (user, room);

-- What outlives a membership, so that leaving and coming back undoes nothing.
-- kicked: sending alone does not join again.
CREATE TABLE sanctions (
  room         INTEGER NOT NULL,
  user         INTEGER NOT NULL,
  banned_until INTEGER,
  muted_until  INTEGER,
  kicked       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

-- A message is also its own `message:created` entry; the other entries stand in `entries`. The text stands here and
-- nowhere else: text_seq is the entry that gave it, superseded_by the first entry that took the original one away.
-- text_hash is a keyed hash of the original text. mentions: 8 bytes (little endian) a user.
CREATE TABLE messages (
  id            INTEGER PRIMARY KEY,
  room          INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  at            INTEGER NOT NULL,
  sender        INTEGER NOT NULL,
  client_id     TEXT NOT NULL,
  text_hash     BLOB NOT NULL,
  text          TEXT,
  text_seq      INTEGER NOT NULL,
  rev           INTEGER NOT NULL,
  reply_to      INTEGER,
  mentions      BLOB,
  edited_at     INTEGER,
  superseded_by INTEGER,
  deleted       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX messages_once ON messages (room, sender, client_id);
-- Covers the counting of unread messages.
CREATE INDEX messages_log ON messages (room, seq, sender, deleted);
CREATE INDEX messages_thread ON messages (room, reply_to, seq) WHERE reply_to IS NOT NULL;

CREATE TABLE entries (
  room          INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  at            INTEGER NOT NULL,
  sender        INTEGER NOT NULL,
  target        INTEGER,
  superseded_by INTEGER,
  body          TEXT NOT NULL,
  PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- Whom a message named when it was sent, for the counts; an edit changes them not.
CREATE TABLE mentions (
  user   INTEGER NOT NULL,
  room   INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  PRIMARY KEY (user, room, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_message ON mentions (room, seq);

CREATE TABLE reactions (
  room  INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  emoji TEXT NOT NULL,
  user  INTEGER NOT NULL,
  came  INTEGER NOT NULL,
  PRIMARY KEY (room, seq, emoji, user)
) STRICT, WITHOUT ROWID;

INSERT INTO rooms (name, kind, topic, folded, created_at)
VALUES ('lobby', 0, '', 'lobby', CAST(strftime('%s', 'now') AS INTEGER) * 1000);
