-- Version 4. How far a damaged file, by the name of the folder it is kept in, has been saved into this one: a salvage
-- that is begun again goes on from there, and declares nothing twice.

CREATE TABLE salvaged (
    aside TEXT PRIMARY KEY,
    upto INTEGER NOT NULL
) STRICT;
