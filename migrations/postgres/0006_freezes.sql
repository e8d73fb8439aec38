-- Of what is frozen nothing is seen until two people lift it.
CREATE TABLE freezes (
    place    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    lifted   BIGINT NOT NULL,
    document TEXT NOT NULL
);
