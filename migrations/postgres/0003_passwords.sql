-- When a password was set, and those that an account had before: hashes alone.
ALTER TABLE accounts ADD COLUMN password_set BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET password_set = created;

CREATE TABLE former_passwords (
    account  TEXT NOT NULL REFERENCES accounts (id),
    password TEXT NOT NULL,           -- argon2id, PHC string
    replaced BIGINT NOT NULL          -- seconds since 1970, UTC
);
CREATE INDEX former_passwords_of ON former_passwords (account, replaced);
