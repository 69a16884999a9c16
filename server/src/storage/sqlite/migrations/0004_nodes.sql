-- Servers that run on this file (at most one lives), each with a lease.
CREATE TABLE nodes (
  id      INTEGER PRIMARY KEY,
  address TEXT NOT NULL,
  version TEXT NOT NULL,
  bus     TEXT NOT NULL,
  since   INTEGER NOT NULL,
  until   INTEGER NOT NULL
) STRICT;

-- Wrong passwords; key is a hash of the address and the name that were tried. Rows are taken out after over_at.
CREATE TABLE guesses (
  key          BLOB PRIMARY KEY,
  wrong        INTEGER NOT NULL,
  since        INTEGER NOT NULL,
  closed_until INTEGER NOT NULL,
  over_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX guesses_over ON guesses (over_at);
