-- An outbox as version 1 left it after a kill: kept for ever, it must upgrade.

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

PRAGMA application_id = 1380994882;
PRAGMA user_version = 1;

INSERT INTO streams VALUES (1, 'rfid-3f2a5b6c', '582483fd310c0cc77c5b862d876bae1aa74d76af215f3b14d6c6b50dc361c981', 1790000000.5);
INSERT INTO epochs VALUES (7, 1, 1790000000.5, 40, 0, 0);
INSERT INTO events VALUES (41, 7, 1, 1, 1790000001.5, 1790000001.5, 2716957279, 'epcis', 'dock-1', NULL, CAST('{"specversion":"1.0","stream":"rfid-3f2a5b6c","epoch":7,"sequence":"1","clock":"synchronized","id":"urn:uuid:0192f7c1-6b2e-7c3a-9d11-000000000001"}' AS BLOB));
INSERT INTO events VALUES (42, 7, 2, 3, 1790000001.5, 1790000001.5, 2143051253, 'epcis', 'dock-1', '0x99: payload format invalid', CAST('{"specversion":"1.0","stream":"rfid-3f2a5b6c","epoch":7,"sequence":"2","clock":"synchronized","id":"urn:uuid:0192f7c1-6b2e-7c3a-9d11-000000000002"}' AS BLOB));
INSERT INTO events VALUES (43, 7, 3, 0, 1790000001.5, 1790000001.5, 898056339, 'epcis', 'dock-1', NULL, CAST('{"specversion":"1.0","stream":"rfid-3f2a5b6c","epoch":7,"sequence":"3","clock":"synchronized","id":"urn:uuid:0192f7c1-6b2e-7c3a-9d11-000000000003"}' AS BLOB));
INSERT INTO events VALUES (44, 7, 4, 0, 1790000001.5, 1790000001.5, 170366340, 'health', 'dock-reader', NULL, X'01c35e20132aa1500b2813a095380a2778d2c29b770d10c044a91600');
INSERT INTO presence VALUES ('urn:epc:id:sscc:952012.03456789123', 'aisle-a', 'sscc', 'instance', 'https://id.gs1.org/00/095201234567891235', 0, 1790000001.25, 1790000061.25);
