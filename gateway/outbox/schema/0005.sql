-- Version 5. What is present is sealed: a row in which a bit has flipped is found at the start.
-- NULL is no seal: it is what a row reads as whose end is gone. A row that is none already gets none.

ALTER TABLE presence ADD COLUMN seal INTEGER;

UPDATE presence SET seal = seal(
    id, CAST(uri AS BLOB), CAST(read_point AS BLOB), CAST(scheme AS BLOB), CAST(kind AS BLOB),
    CAST(digital_link AS BLOB), filter, since, last_seen, CAST(read_point_kind AS BLOB)
) WHERE typeof(uri) = 'text' AND typeof(read_point) = 'text' AND typeof(scheme) = 'text' AND typeof(kind) = 'text'
    AND typeof(digital_link) IN ('text', 'null') AND typeof(filter) IN ('integer', 'null')
    AND typeof(since) = 'real' AND typeof(last_seen) = 'real' AND typeof(read_point_kind) IN ('text', 'null');
