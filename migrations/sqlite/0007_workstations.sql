-- Workstations, each known by its certificate.
CREATE TABLE workstations (
    place       INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL UNIQUE, -- SHA-256 of the certificate, in hexadecimal
    document    TEXT NOT NULL
);
