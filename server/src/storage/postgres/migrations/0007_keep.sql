-- How many days texts are kept: none: as the server's default says; 0: for ever. Every message up to `blanked` has lost
-- its text by that rule.
ALTER TABLE rooms ADD COLUMN retention_days INTEGER;
ALTER TABLE rooms ADD COLUMN blanked BIGINT NOT NULL DEFAULT 0;

-- Erased users whose texts are still to be blanked; room: the rooms up to this id are done.
CREATE TABLE erasures (user_id BIGINT PRIMARY KEY, room BIGINT NOT NULL);
