-- Incoming webhooks; hash is the SHA-256 of the secret in the address.
CREATE TABLE hooks (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL,
  room       INTEGER NOT NULL,
  bot        INTEGER NOT NULL,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX hooks_room ON hooks (room, created_at);
