-- Incoming webhooks; hash is the SHA-256 of the secret in the address.
CREATE TABLE hooks (
  id         TEXT COLLATE "C" PRIMARY KEY,
  hash       BYTEA NOT NULL,
  room       BIGINT NOT NULL,
  bot        BIGINT NOT NULL,
  name       TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX hooks_room ON hooks (room, created_at);
