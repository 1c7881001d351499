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

-- Why an entry changed, where it is not simply what the provider says now.
ALTER TABLE change ADD COLUMN reason TEXT;

-- The first complete run in which rules kept someone, or a group, out of the directory who is in it.
ALTER TABLE mirror_user ADD COLUMN dropped_since INTEGER;
ALTER TABLE mirror_group ADD COLUMN dropped_since INTEGER;
