-- How far the feed for other systems has come in each room; no row: it has nothing of it yet.
CREATE TABLE feed_rooms (room INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;

-- Which node is at the feed, for how long; at most one row.
CREATE TABLE feed_lead (id INTEGER PRIMARY KEY CHECK (id = 1), node INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;

-- What was written while a room was private is never fed, however far behind the feed is and whoever changes the room.
CREATE TRIGGER feed_skips_private AFTER UPDATE OF kind ON rooms WHEN NEW.kind = 0 AND OLD.kind <> 0
BEGIN
  INSERT INTO feed_rooms (room, seq) VALUES (NEW.id, NEW.head)
  ON CONFLICT (room) DO UPDATE SET seq = max(seq, excluded.seq);
END;
CREATE TRIGGER feed_forgets AFTER DELETE ON rooms
BEGIN
  DELETE FROM feed_rooms WHERE room = OLD.id;
END;
INSERT INTO feed_rooms (room, seq)
SELECT room, max(seq) - 1 FROM entries WHERE body LIKE '{"k":"room"%"kind":"public"%' GROUP BY room;
