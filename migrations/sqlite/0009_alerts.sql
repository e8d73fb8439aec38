CREATE TABLE alerts (
    place    INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    way      TEXT NOT NULL,           -- mail or webhook
    tries    BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX alerts_next_try ON alerts (way, next_try);
-- When handlers are reminded of an incident; those of before are looked at once.
ALTER TABLE incidents ADD COLUMN reminder BIGINT;
UPDATE incidents SET reminder = 0;
CREATE INDEX incidents_reminder ON incidents (reminder);
