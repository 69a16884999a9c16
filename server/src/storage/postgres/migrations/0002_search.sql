-- Trigrams of the folded texts. An edit or a delete writes the row's new text (or none) itself, before or after the
-- follower; whoever comes second waits for the first and leaves the newer text standing.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE message_index (
  id     BIGINT PRIMARY KEY,
  folded TEXT NOT NULL
);
CREATE INDEX message_index_folded ON message_index USING gin (folded gin_trgm_ops);

-- How far the follower has come in each room.
CREATE TABLE index_cursors (
  room BIGINT PRIMARY KEY,
  seq  BIGINT NOT NULL
);
