-- Servers that share this database, each with a lease; its times are the database's own.
CREATE TABLE nodes (
  id      BIGINT PRIMARY KEY,
  address TEXT NOT NULL,
  version TEXT NOT NULL,
  bus     TEXT NOT NULL,
  since   TIMESTAMPTZ NOT NULL,
  until   TIMESTAMPTZ NOT NULL
);

-- Wrong passwords; key is a hash of the address and the name that were tried. Rows are taken out after over_at.
CREATE TABLE guesses (
  key          BYTEA PRIMARY KEY,
  wrong        BIGINT NOT NULL,
  since        BIGINT NOT NULL,
  closed_until BIGINT NOT NULL,
  over_at      BIGINT NOT NULL
);
CREATE INDEX guesses_over ON guesses (over_at);
