-- Version 1.
--
-- Numbers of mirror users, mirror groups, users and groups come from `counter` and are never used again.

CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('mirror_user', 1), ('mirror_group', 1), ('user', 1), ('group', 1);

CREATE TABLE connector (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  connector INTEGER NOT NULL REFERENCES connector,
  mode TEXT NOT NULL,
  outcome TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  report TEXT NOT NULL
) STRICT;

-- What the provider gave. Records lie apart, so that comparing digests reads little.
CREATE TABLE mirror_user (
  connector INTEGER NOT NULL REFERENCES connector,
  id TEXT NOT NULL,
  number INTEGER NOT NULL,
  digest BLOB NOT NULL,
  shaping BLOB NOT NULL,
  absent_since INTEGER,
  PRIMARY KEY (connector, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirror_user_record (
  number INTEGER PRIMARY KEY,
  record TEXT NOT NULL
) STRICT;

CREATE TABLE mirror_group (
  connector INTEGER NOT NULL REFERENCES connector,
  id TEXT NOT NULL,
  number INTEGER NOT NULL,
  members TEXT NOT NULL CHECK (members IN ('known', 'unknown', 'unread')),
  absent_since INTEGER,
  record TEXT NOT NULL,
  PRIMARY KEY (connector, id)
) STRICT, WITHOUT ROWID;

-- Roaring bitmaps (portable serialisation) of mirror_user.number.
CREATE TABLE mirror_membership (
  "group" INTEGER PRIMARY KEY,
  members BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoint (
  connector INTEGER NOT NULL REFERENCES connector,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (connector, name)
) STRICT, WITHOUT ROWID;

-- What applications see.
CREATE TABLE directory_user (
  key INTEGER PRIMARY KEY,
  connector INTEGER NOT NULL REFERENCES connector,
  external_id TEXT NOT NULL,
  user_name TEXT NOT NULL,
  folded TEXT NOT NULL,
  display_name TEXT,
  given_name TEXT,
  family_name TEXT,
  email TEXT,
  active INTEGER NOT NULL,
  attributes TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX directory_user_by_name ON directory_user (folded);
CREATE UNIQUE INDEX directory_user_by_id ON directory_user (connector, external_id);

CREATE TABLE directory_group (
  key INTEGER PRIMARY KEY,
  connector INTEGER NOT NULL REFERENCES connector,
  external_id TEXT,
  name TEXT NOT NULL,
  folded TEXT NOT NULL,
  description TEXT,
  attributes TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX directory_group_by_name ON directory_group (folded);
CREATE UNIQUE INDEX directory_group_by_id ON directory_group (connector, external_id);

-- Roaring bitmaps of directory_user.key: the members that one connector gives to one group.
CREATE TABLE directory_membership (
  "group" INTEGER NOT NULL REFERENCES directory_group,
  connector INTEGER NOT NULL REFERENCES connector,
  members BLOB NOT NULL,
  PRIMARY KEY ("group", connector)
) STRICT;

-- What each run changed, with the changed fields before and after as JSON objects.
CREATE TABLE change (
  run INTEGER NOT NULL REFERENCES run,
  sequence INTEGER NOT NULL,
  kind TEXT NOT NULL,
  entry TEXT NOT NULL CHECK (entry IN ('user', 'group')),
  key INTEGER NOT NULL,
  name TEXT NOT NULL,
  before TEXT,
  after TEXT NOT NULL,
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX change_by_entry ON change (entry, key, run);

CREATE TABLE membership_change (
  run INTEGER NOT NULL REFERENCES run,
  "group" INTEGER NOT NULL,
  added BLOB NOT NULL,
  removed BLOB NOT NULL,
  PRIMARY KEY (run, "group")
) STRICT;
