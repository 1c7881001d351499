-- Version 3.

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
