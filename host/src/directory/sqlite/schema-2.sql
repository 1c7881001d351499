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
