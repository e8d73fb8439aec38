CREATE TABLE tokens (
    place    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    hash     BYTEA NOT NULL UNIQUE,
    owner    TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX tokens_owner ON tokens (owner);
