-- Up to where the room was looked through: without it each step began at the room's first message.
ALTER TABLE erasures ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
