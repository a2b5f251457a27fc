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
CREATE INDEX IF NOT EXISTS events_of_object ON events (object, source, at, epoch, sequence);
CREATE INDEX IF NOT EXISTS events_by_event ON events (event);
CREATE TABLE IF NOT EXISTS rejected (position bigint PRIMARY KEY, topic text NOT NULL, why text NOT NULL, payload text NOT NULL);
-- Of what was rejected, that it was: once each, and which numbers nobody has to send again.
CREATE TABLE IF NOT EXISTS refused (
    name text PRIMARY KEY, home text, stream text, epoch bigint, sequence bigint);
-- Of each segment, the newest placement of an object, and whether that has ended.
CREATE TABLE IF NOT EXISTS placed (
    object text NOT NULL, source text NOT NULL, read_point text NOT NULL,
    at bigint NOT NULL, epoch bigint NOT NULL, sequence bigint NOT NULL, stream text NOT NULL, ended integer NOT NULL,
    PRIMARY KEY (object, source)
);
CREATE INDEX IF NOT EXISTS placed_there ON placed (source, read_point);
-- Where everything is: the newest of all segments' placements.
CREATE VIEW placements AS SELECT object, read_point, source, at FROM placed p WHERE ended = 0 AND NOT EXISTS (
    SELECT 1 FROM placed o WHERE o.object = p.object
    AND (o.at, o.epoch, o.sequence, o.stream) > (p.at, p.epoch, p.sequence, p.stream));
-- Of bridge.py: as what an event went out, the events it made itself, and documents that have yet to be taken.
CREATE TABLE IF NOT EXISTS exported (id text PRIMARY KEY, event text NOT NULL, as_event text NOT NULL);
CREATE INDEX IF NOT EXISTS exported_of ON exported (event);
CREATE INDEX IF NOT EXISTS exported_as ON exported (as_event);
CREATE TABLE IF NOT EXISTS merged (as_event text PRIMARY KEY, body text NOT NULL);
CREATE TABLE IF NOT EXISTS outgoing (position bigint PRIMARY KEY, document text NOT NULL);
