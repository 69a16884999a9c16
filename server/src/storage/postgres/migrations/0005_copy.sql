-- How far `chat-server db copy` has come in each table; empty but in half of a copy. after: the last row's key.
CREATE TABLE copy_places (
  name  TEXT PRIMARY KEY,
  after TEXT NOT NULL,
  rows  BIGINT NOT NULL
);
