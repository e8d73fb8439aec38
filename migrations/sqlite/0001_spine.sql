CREATE TABLE accounts (
    id       TEXT PRIMARY KEY,
    login    TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    password TEXT NOT NULL,           -- argon2id, PHC string
    enabled  INTEGER NOT NULL,
    created  INTEGER NOT NULL         -- seconds since 1970, UTC
);

CREATE TABLE tickets (
    hash    BLOB PRIMARY KEY,         -- SHA-256 of the secret
    certificate BLOB,                 -- SHA-256 of the only workstation's certificate
    account TEXT NOT NULL REFERENCES accounts (id),
    site    TEXT NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL
);

CREATE TABLE sites (
    name     TEXT PRIMARY KEY,
    standing TEXT NOT NULL
);

CREATE TABLE mask_confirmations (
    site   TEXT NOT NULL,
    width  INTEGER NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (site, width, height)
);

-- Acts whose trace entry is not yet known to be durable.
CREATE TABLE outbox (
    act   TEXT PRIMARY KEY,
    event TEXT NOT NULL
);
