-- Version 2.

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
