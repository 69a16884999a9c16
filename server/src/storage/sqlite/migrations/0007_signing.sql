-- What signs the bodies that are posted to a webhook; empty: it was made before there was any.
ALTER TABLE hooks ADD COLUMN signing TEXT NOT NULL DEFAULT '';
