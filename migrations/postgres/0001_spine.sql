CREATE TABLE accounts (
    id       TEXT PRIMARY KEY,
    login    TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    password TEXT NOT NULL,           -- argon2id, PHC string
    enabled  BIGINT NOT NULL,
    created  BIGINT NOT NULL          -- seconds since 1970, UTC
);

CREATE TABLE tickets (
    hash    BYTEA PRIMARY KEY,        -- SHA-256 of the secret
    certificate BYTEA,                -- SHA-256 of the only workstation's certificate
    account TEXT NOT NULL REFERENCES accounts (id),
    site    TEXT NOT NULL,
    expires BIGINT NOT NULL,
    used    BIGINT NOT NULL
);

CREATE TABLE sites (
    name     TEXT PRIMARY KEY,
    standing TEXT NOT NULL
);

CREATE TABLE mask_confirmations (
    site   TEXT NOT NULL,
    width  BIGINT NOT NULL,
    height BIGINT NOT NULL,
    PRIMARY KEY (site, width, height)
);

-- Acts whose trace entry is not yet known to be durable.
CREATE TABLE outbox (
    act   TEXT PRIMARY KEY,
    event TEXT NOT NULL
);
