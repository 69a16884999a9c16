-- Trigrams of the folded texts as numbers (see grams.rs), without a copy of the texts.
CREATE TABLE message_index (
  id    bigint PRIMARY KEY,
  grams integer[] NOT NULL
);
CREATE INDEX message_index_grams ON message_index USING gin (grams);

-- Messages that the index has not seen, or not as they stand now.
CREATE TABLE search_todo (id bigint PRIMARY KEY);
