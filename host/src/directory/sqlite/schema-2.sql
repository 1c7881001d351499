-- Version 2.

-- One run can change what several connectors give to a group: a person who is deleted leaves all of them.
CREATE TABLE membership_change_2 (
  run INTEGER NOT NULL REFERENCES run,
  "group" INTEGER NOT NULL,
  connector INTEGER NOT NULL REFERENCES connector,
  added BLOB NOT NULL,
  removed BLOB NOT NULL,
  PRIMARY KEY (run, "group", connector)
) STRICT;
INSERT INTO membership_change_2
  SELECT m.run, m."group", r.connector, m.added, m.removed FROM membership_change m JOIN run r ON r.id = m.run;
DROP TABLE membership_change;
ALTER TABLE membership_change_2 RENAME TO membership_change;

-- What was told of each connector's standing problem, so that it is told once. `aspect`: `run` for how its runs end,
-- `silence` for that none succeeds; `channel`: `command` or `webhook`.
CREATE TABLE told (
  connector TEXT NOT NULL,
  aspect TEXT NOT NULL,
  channel TEXT NOT NULL,
  cause TEXT NOT NULL,
  at TEXT NOT NULL,
  PRIMARY KEY (connector, aspect, channel)
) STRICT, WITHOUT ROWID;

-- What runs planned and held for a person, as `change` and `membership_change` have what they applied.
CREATE TABLE held_change (
  run INTEGER NOT NULL REFERENCES run,
  sequence INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected', 'superseded')),
  reason TEXT NOT NULL,
  kind TEXT NOT NULL,
  entry TEXT NOT NULL CHECK (entry IN ('user', 'group')),
  key INTEGER NOT NULL,
  name TEXT NOT NULL,
  before TEXT,
  after TEXT NOT NULL,
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE held_membership (
  run INTEGER NOT NULL REFERENCES run,
  "group" INTEGER NOT NULL,
  connector INTEGER NOT NULL REFERENCES connector,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected', 'superseded')),
  reason TEXT NOT NULL,
  added BLOB NOT NULL,
  removed BLOB NOT NULL,
  PRIMARY KEY (run, "group", connector)
) STRICT;
