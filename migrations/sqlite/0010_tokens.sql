CREATE TABLE tokens (
    place    INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    hash     BLOB NOT NULL UNIQUE,
    owner    TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX tokens_owner ON tokens (owner);
