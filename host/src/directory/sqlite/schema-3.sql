-- Version 3.

-- Why an entry changed, where it is not simply what the provider says now.
ALTER TABLE change ADD COLUMN reason TEXT;
-- The same of a held change, whose `reason` is why it is held.
ALTER TABLE held_change ADD COLUMN because TEXT;

-- The first complete run in which rules kept someone, or a group, out of the directory who is in it.
ALTER TABLE mirror_user ADD COLUMN dropped_since INTEGER;
ALTER TABLE mirror_group ADD COLUMN dropped_since INTEGER;

-- Who of a connector is an entry that belongs to another one: since the other took it over, or from the start.
CREATE TABLE entry_alias (
  entry TEXT NOT NULL CHECK (entry IN ('user', 'group')),
  connector INTEGER NOT NULL REFERENCES connector,
  id TEXT NOT NULL,
  key INTEGER NOT NULL,
  PRIMARY KEY (entry, connector, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_alias_by_key ON entry_alias (entry, key);

-- Tells this directory from any other: a plan's file belongs to one.
CREATE TABLE identity (
  id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO identity VALUES (lower(hex(randomblob(16))));

-- Plans that were applied from files, by the file's checksum: none is applied twice.
CREATE TABLE applied_plan (
  plan TEXT PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES run
) STRICT, WITHOUT ROWID;

-- Entries whose changes no limit holds in the connector's next complete run, which uses this up.
CREATE TABLE approved_entry (
  connector INTEGER NOT NULL REFERENCES connector,
  entry TEXT NOT NULL CHECK (entry IN ('user', 'group')),
  key INTEGER NOT NULL,
  PRIMARY KEY (connector, entry, key)
) STRICT, WITHOUT ROWID;

-- Fields and attributes of users that a person has set here and that a connector's runs leave as they are.
CREATE TABLE kept (
  user INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;
