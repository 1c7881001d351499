-- Version 4.

-- Connectors whose syncs hold all that they plan: since when, and by which rollback; nothing where a person paused it.
CREATE TABLE pause (
  connector INTEGER PRIMARY KEY REFERENCES connector,
  since TEXT NOT NULL,
  run INTEGER REFERENCES run
) STRICT;

-- What a run did beside its changes, so that it can be undone: under whose ids an entry is known, and what was set here
-- of a user. Rows without a run are of the transaction that is at work, which gives them its run at its end.
CREATE TABLE alias_change (
  run INTEGER REFERENCES run,
  entry TEXT NOT NULL CHECK (entry IN ('user', 'group')),
  connector INTEGER NOT NULL REFERENCES connector,
  id TEXT NOT NULL,
  before INTEGER,
  after INTEGER
) STRICT;
CREATE INDEX alias_change_by_run ON alias_change (run);
CREATE TRIGGER alias_made AFTER INSERT ON entry_alias BEGIN
  INSERT INTO alias_change VALUES (NULL, new.entry, new.connector, new.id, NULL, new.key);
END;
CREATE TRIGGER alias_moved AFTER UPDATE ON entry_alias WHEN old.key <> new.key BEGIN
  INSERT INTO alias_change VALUES (NULL, new.entry, new.connector, new.id, old.key, new.key);
END;
CREATE TRIGGER alias_ended AFTER DELETE ON entry_alias BEGIN
  INSERT INTO alias_change VALUES (NULL, old.entry, old.connector, old.id, old.key, NULL);
END;

CREATE TABLE kept_change (
  run INTEGER REFERENCES run,
  user INTEGER NOT NULL,
  name TEXT NOT NULL,
  kept INTEGER NOT NULL
) STRICT;
CREATE INDEX kept_change_by_run ON kept_change (run);
CREATE TRIGGER kept_made AFTER INSERT ON kept BEGIN
  INSERT INTO kept_change VALUES (NULL, new.user, new.name, TRUE);
END;
CREATE TRIGGER kept_ended AFTER DELETE ON kept BEGIN
  INSERT INTO kept_change VALUES (NULL, old.user, old.name, FALSE);
END;

-- The plugin's version of a group's members, of when all of them were read and all of them were known: a reading may
-- leave out the members of a group that still has it.
ALTER TABLE mirror_group ADD COLUMN version TEXT;
