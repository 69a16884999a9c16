-- Trigrams of the folded texts, without a copy of them. The rowid is messages.id. `secure-delete` takes a removed
-- text out of the index at once instead of at some later merge.
CREATE VIRTUAL TABLE message_index USING fts5(
  text, content = '', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO message_index (message_index, rank) VALUES ('secure-delete', 1);

-- The last messages.id that the index has seen.
INSERT INTO meta (key, value) VALUES ('search_cursor', 0);
