-- Version 1. Rows are numbered when stored: an event's id is its epoch's base plus its sequence, so ids grow for ever
-- and (epoch, sequence) finds its row without an index.

CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    machine TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;

-- `last` is at least the greatest sequence that ever left the table; `gone` counts those that did.
CREATE TABLE epochs (
    epoch INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (id),
    started REAL NOT NULL,
    base INTEGER NOT NULL,
    last INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0
) STRICT;

-- state: 0 pending, 1 sent, 2 confirmed, 3 dead. `changed` (when it took that state) starts as `stored`, never NULL:
-- a row that is settled keeps its length and is overwritten in place, without its overflow pages.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    stored REAL NOT NULL,
    changed REAL NOT NULL,
    crc INTEGER NOT NULL,
    channel TEXT NOT NULL,
    name TEXT,
    reason TEXT,
    payload BLOB NOT NULL
) STRICT;

CREATE INDEX events_pending ON events (id) WHERE state = 0;

-- Empty while all is well: it costs nothing and lists dead letters without a scan.
CREATE INDEX events_dead ON events (id) WHERE state = 3;

CREATE TABLE presence (
    uri TEXT NOT NULL,
    read_point TEXT NOT NULL,
    scheme TEXT NOT NULL,
    kind TEXT NOT NULL,
    digital_link TEXT,
    filter INTEGER,
    since REAL NOT NULL,
    last_seen REAL NOT NULL,
    PRIMARY KEY (uri, read_point)
) STRICT, WITHOUT ROWID;
