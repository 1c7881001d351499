-- Version 3.

-- When a run's changes and report were taken out of the history. Its row stays: others count runs, and refer to them.
ALTER TABLE run ADD COLUMN pruned_at TEXT;

-- Who once had a name, an id or a mail address that nobody in the directory has now.
CREATE INDEX change_of_identity ON change (entry, key) WHERE kind IN ('delete', 'rename', 'anonymize');
CREATE INDEX membership_change_by_group ON membership_change ("group");
