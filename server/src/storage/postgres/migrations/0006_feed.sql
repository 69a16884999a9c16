-- How far the feed for other systems has come in each room; no row: it has nothing of it yet.
CREATE TABLE feed_rooms (room BIGINT PRIMARY KEY, seq BIGINT NOT NULL) WITH (fillfactor = 80);

-- Which node is at the feed, for how long by the database's clock; at most one row.
CREATE TABLE feed_lead (id SMALLINT PRIMARY KEY CHECK (id = 1), node BIGINT NOT NULL, until TIMESTAMPTZ NOT NULL);

-- What was written while a room was private is never fed, however far behind the feed is and whoever changes the room.
CREATE FUNCTION feed_skips_private() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO feed_rooms (room, seq) VALUES (NEW.id, NEW.head)
  ON CONFLICT (room) DO UPDATE SET seq = greatest(feed_rooms.seq, excluded.seq);
  RETURN NULL;
END $$;
CREATE TRIGGER feed_skips_private AFTER UPDATE OF kind ON rooms
FOR EACH ROW WHEN (NEW.kind = 0 AND OLD.kind <> 0) EXECUTE FUNCTION feed_skips_private();
CREATE FUNCTION feed_forgets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM feed_rooms WHERE room = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER feed_forgets AFTER DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION feed_forgets();
INSERT INTO feed_rooms (room, seq)
SELECT room, max(seq) - 1 FROM entries WHERE body LIKE '{"k":"room"%"kind":"public"%' GROUP BY room;
