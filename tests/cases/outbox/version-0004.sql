-- An outbox as version 4 left it after a kill: kept for ever, it must upgrade.

CREATE TABLE epochs (
    epoch INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (id),
    started REAL NOT NULL,
    base INTEGER NOT NULL,
    last INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0
, confirmed INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "epochs" VALUES(1,1,1790000001.5,0,0,0,0);
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
INSERT INTO "events" VALUES(1,1,1,1,1790000001.5,1790000001.5,4002312598,'epcis','aisle-a',NULL,X'0123A60AB6484E3434B44C32472AA1500B28A4C289E4DAD70001C02532154A755889088C1443A01701');
INSERT INTO "events" VALUES(2,1,2,0,1790000001.5,1790000001.5,1876931484,'epcis','belt-1',NULL,X'0123A60AB6484E3434B44C32472AA1500A288A6A5F03040099438D521D56220223C508E84500');
INSERT INTO "events" VALUES(3,1,3,0,1790000001.5,1790000001.5,122403224,'epcis','belt-2',NULL,X'0123A60AB6484E3434B44C32472AA1500A28E4C289E4DAD7000140E650A354879588C04831067A1100');
CREATE TABLE "presence" (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL,
    read_point TEXT NOT NULL,
    scheme TEXT NOT NULL,
    kind TEXT NOT NULL,
    digital_link TEXT,
    filter INTEGER,
    since REAL NOT NULL,
    last_seen REAL NOT NULL,
    read_point_kind TEXT    -- zone or checkpoint; NULL in rows of version 1, which do not say
) STRICT;
INSERT INTO "presence" VALUES(1,'urn:epc:id:sscc:952012.03456789123','aisle-a','sscc','instance','https://id.gs1.org/00/095201234567891235',0,1790000001.25,1790000061.25,'zone');
INSERT INTO "presence" VALUES(2,'urn:epc:id:sgtin:9521141.012345.7','belt-1','sgtin','instance','https://id.gs1.org/01/09521141123454/21/7',1,1790000006.25,1790000007.25,'checkpoint');
INSERT INTO "presence" VALUES(1099511627779,'urn:epc:id:sgtin:9521141.012345.8','belt-2','sgtin','instance',NULL,NULL,1790000008.25,1790000009.25,'checkpoint');
CREATE TABLE salvaged (
    aside TEXT PRIMARY KEY,
    upto INTEGER NOT NULL
) STRICT;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    machine TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;
INSERT INTO "streams" VALUES(1,'rfid-8ca119b7','582483fd310c0cc77c5b862d876bae1aa74d76af215f3b14d6c6b50dc361c981',1790000001.5);
CREATE INDEX events_pending ON events (id) WHERE state = 0;
CREATE INDEX events_dead ON events (id) WHERE state = 3;

PRAGMA application_id = 1380994882;
PRAGMA user_version = 4;
