-- Version 3.

-- Fields and attributes of users that a person has set here and that a connector's runs leave as they are.
CREATE TABLE kept (
  user INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;
