-- Of what is frozen nothing is seen until two people lift it.
CREATE TABLE freezes (
    place    INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    lifted   INTEGER NOT NULL,
    document TEXT NOT NULL
);
