-- Version 2. What is present stands in numbered places: who comes takes the place of one who left, so that the file
-- need not grow, and those who come together stand together. Who is where in the table is known in memory.

CREATE TABLE places (
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

INSERT INTO places (uri, read_point, scheme, kind, digital_link, filter, since, last_seen)
    SELECT uri, read_point, scheme, kind, digital_link, filter, since, last_seen FROM presence;

DROP TABLE presence;

ALTER TABLE places RENAME TO presence;
