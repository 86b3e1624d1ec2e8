ALTER TABLE accounts ADD COLUMN blocked_ms INTEGER; -- NULL: not blocked
