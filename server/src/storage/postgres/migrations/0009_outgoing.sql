-- Outgoing webhooks: whom to tell what of a room, and how far each has been told. `events` is a set of bits.
CREATE TABLE outgoing (
  id            TEXT COLLATE "C" PRIMARY KEY,
  room          BIGINT NOT NULL,
  maker         BIGINT,
  url           TEXT NOT NULL,
  events        BIGINT NOT NULL,
  bots          BOOLEAN NOT NULL,
  signing       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  seq           BIGINT NOT NULL,
  attempts      BIGINT NOT NULL DEFAULT 0,
  next_at       BIGINT NOT NULL DEFAULT 0,
  failing_since BIGINT,
  fault         TEXT,
  disabled_at   BIGINT
) WITH (fillfactor = 80);
CREATE INDEX outgoing_room ON outgoing (room, created_at);

-- Who came and went, for those webhooks that want it: the log of a room does not tell.
CREATE TABLE outgoing_moves (
  id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hook   TEXT COLLATE "C" NOT NULL,
  who    BIGINT NOT NULL,
  joined BOOLEAN NOT NULL,
  at     BIGINT NOT NULL
);
CREATE INDEX outgoing_moves_hook ON outgoing_moves (hook, id);
CREATE FUNCTION outgoing_joined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outgoing_moves (hook, who, joined, at)
  SELECT id, NEW.user_id, true, NEW.joined_at FROM outgoing
  WHERE room = NEW.room AND disabled_at IS NULL AND events & 16 <> 0;
  RETURN NULL;
END $$;
CREATE TRIGGER outgoing_joined AFTER INSERT ON members FOR EACH ROW EXECUTE FUNCTION outgoing_joined();
CREATE FUNCTION outgoing_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outgoing_moves (hook, who, joined, at)
  SELECT id, OLD.user_id, false, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM outgoing
  WHERE room = OLD.room AND disabled_at IS NULL AND events & 32 <> 0;
  RETURN NULL;
END $$;
CREATE TRIGGER outgoing_left AFTER DELETE ON members FOR EACH ROW EXECUTE FUNCTION outgoing_left();

-- What was given up. No text stands here: it is read again from the log.
CREATE TABLE outgoing_dead (
  hook     TEXT COLLATE "C" NOT NULL,
  delivery TEXT COLLATE "C" NOT NULL,
  event    BIGINT NOT NULL,
  seq      BIGINT,
  who      BIGINT,
  at       BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  fault    TEXT NOT NULL,
  again    BOOLEAN NOT NULL DEFAULT false,
  dead_at  BIGINT NOT NULL,
  PRIMARY KEY (hook, delivery)
);

-- Which node sends, for how long by the database's clock; at most one row.
CREATE TABLE outgoing_lead (id SMALLINT PRIMARY KEY CHECK (id = 1), node BIGINT NOT NULL, until TIMESTAMPTZ NOT NULL);

-- With a webhook goes what waits for it, and with a room its webhooks.
CREATE FUNCTION outgoing_forgets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM outgoing_moves WHERE hook = OLD.id;
  DELETE FROM outgoing_dead WHERE hook = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER outgoing_forgets AFTER DELETE ON outgoing FOR EACH ROW EXECUTE FUNCTION outgoing_forgets();
CREATE FUNCTION outgoing_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM outgoing WHERE room = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER outgoing_gone AFTER DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION outgoing_gone();
