-- Addresses from which somebody was let in: they are no strangers for thirty days.
CREATE TABLE known_addresses (
    address TEXT PRIMARY KEY,
    seen    BIGINT NOT NULL           -- seconds since 1970, UTC
);
