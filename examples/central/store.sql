-- What the centre keeps; for PostgreSQL and SQLite. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS events (
    position bigint PRIMARY KEY,    -- order of arrival here
    id text NOT NULL UNIQUE,        -- what is seen twice is taken once
    event text,                     -- eventID; a correction has that of the event it takes back
    source text NOT NULL, stream text NOT NULL, epoch bigint NOT NULL, sequence bigint NOT NULL,
    topic text NOT NULL, type text NOT NULL,
    object text, transition text, read_point text, at bigint,
    payload text NOT NULL,
    UNIQUE (stream, epoch, sequence)
);
CREATE INDEX IF NOT EXISTS events_of_object ON events (object, at, epoch, sequence);
CREATE INDEX IF NOT EXISTS events_by_event ON events (event);
CREATE INDEX IF NOT EXISTS events_of_source ON events (source, transition);
CREATE TABLE IF NOT EXISTS rejected (position bigint PRIMARY KEY, topic text NOT NULL, why text NOT NULL, payload text NOT NULL);
CREATE TABLE IF NOT EXISTS placements (object text PRIMARY KEY, read_point text NOT NULL, source text NOT NULL, at bigint NOT NULL);
CREATE TABLE IF NOT EXISTS exported (name text PRIMARY KEY, position bigint NOT NULL);
-- The contract's rule, for any order of arrival: nothing that is history is ever thrown away.
DROP VIEW IF EXISTS valid;
CREATE VIEW valid AS SELECT * FROM events e WHERE transition <> 'corrected'
    AND NOT EXISTS (SELECT 1 FROM events c WHERE c.event = e.event AND c.source = e.source AND c.transition = 'corrected');
