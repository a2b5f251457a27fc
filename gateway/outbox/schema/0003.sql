-- Version 3. What the centre says it has, as one number an epoch: no row is written for being confirmed.
-- A sent row is confirmed when its sequence is at most its epoch's `confirmed`.

ALTER TABLE epochs ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
