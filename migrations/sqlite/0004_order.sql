-- What came first is told by a number, not by a clock that may be set.
CREATE TABLE outbox_in_order (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    act   TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL
);
INSERT INTO outbox_in_order (act, event) SELECT act, event FROM outbox ORDER BY rowid;
DROP TABLE outbox;
ALTER TABLE outbox_in_order RENAME TO outbox;

CREATE TABLE former_passwords_in_order (
    place    INTEGER PRIMARY KEY AUTOINCREMENT,
    account  TEXT NOT NULL REFERENCES accounts (id),
    password TEXT NOT NULL,           -- argon2id, PHC string
    replaced INTEGER NOT NULL         -- seconds since 1970, UTC
);
INSERT INTO former_passwords_in_order (account, password, replaced)
    SELECT account, password, replaced FROM former_passwords ORDER BY replaced, rowid;
DROP TABLE former_passwords;
ALTER TABLE former_passwords_in_order RENAME TO former_passwords;
CREATE INDEX former_passwords_of ON former_passwords (account, place);
