-- Outgoing webhooks: whom to tell what of a room, and how far each has been told. `events` is a set of bits.
CREATE TABLE outgoing (
  id            TEXT PRIMARY KEY,
  room          INTEGER NOT NULL,
  maker         INTEGER,
  url           TEXT NOT NULL,
  events        INTEGER NOT NULL,
  bots          INTEGER NOT NULL,
  signing       TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  attempts      INTEGER NOT NULL DEFAULT 0,
  next_at       INTEGER NOT NULL DEFAULT 0,
  failing_since INTEGER,
  fault         TEXT,
  disabled_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_room ON outgoing (room, created_at);

-- Who came and went, for those webhooks that want it: the log of a room does not tell.
CREATE TABLE outgoing_moves (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  hook   TEXT NOT NULL,
  who    INTEGER NOT NULL,
  joined INTEGER NOT NULL,
  at     INTEGER NOT NULL
) STRICT;
CREATE INDEX outgoing_moves_hook ON outgoing_moves (hook, id);
CREATE TRIGGER outgoing_joined AFTER INSERT ON members
BEGIN
  INSERT INTO outgoing_moves (hook, who, joined, at)
  SELECT id, NEW.user, 1, NEW.joined_at FROM outgoing
  WHERE room = NEW.room AND disabled_at IS NULL AND events & 16;
END;
CREATE TRIGGER outgoing_left AFTER DELETE ON members
BEGIN
  INSERT INTO outgoing_moves (hook, who, joined, at)
  SELECT id, OLD.user, 0, CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM outgoing
  WHERE room = OLD.room AND disabled_at IS NULL AND events & 32;
END;

-- What was given up. No text stands here: it is read again from the log.
CREATE TABLE outgoing_dead (
  hook     TEXT NOT NULL,
  delivery TEXT NOT NULL,
  event    INTEGER NOT NULL,
  seq      INTEGER,
  who      INTEGER,
  at       INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  fault    TEXT NOT NULL,
  again    INTEGER NOT NULL DEFAULT 0,
  dead_at  INTEGER NOT NULL,
  PRIMARY KEY (hook, delivery)
) STRICT, WITHOUT ROWID;

-- Which node sends, for how long; at most one row.
CREATE TABLE outgoing_lead (id INTEGER PRIMARY KEY CHECK (id = 1), node INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;

-- With a webhook goes what waits for it, and with a room its webhooks.
CREATE TRIGGER outgoing_forgets AFTER DELETE ON outgoing
BEGIN
  DELETE FROM outgoing_moves WHERE hook = OLD.id;
  DELETE FROM outgoing_dead WHERE hook = OLD.id;
END;
CREATE TRIGGER outgoing_gone AFTER DELETE ON rooms
BEGIN
  DELETE FROM outgoing WHERE room = OLD.id;
END;
