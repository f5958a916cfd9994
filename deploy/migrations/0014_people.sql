-- The people of the centre: who they are, their sessions, and what each change was answered.

CREATE TABLE user_account (
    person        text        PRIMARY KEY CHECK (person ~ '^[a-z0-9]{1,16}$'),
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
    role          text        NOT NULL CHECK (role IN (
        'agent', 'supervisor', 'quality', 'editor', 'analyst', 'auditor', 'administrator')),
    active        boolean     NOT NULL DEFAULT true,
    password      text,
    second_factor text,
    pending_factor text,
    last_code     bigint      NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text        NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE user_account IS '用户. The id of an agent is the one in the name of his telephone.';
COMMENT ON COLUMN user_account.password IS 'Argon2id, salt and cost included; NULL until the person has chosen one.';
COMMENT ON COLUMN user_account.second_factor IS 'Base32 secret of the codes by time (RFC 6238).';
COMMENT ON COLUMN user_account.last_code IS 'Time step of the last code that was taken: none is taken twice.';

CREATE TABLE user_session (
    hash          bytea       PRIMARY KEY CHECK (length(hash) = 32),
    person        text        NOT NULL REFERENCES user_account,
    limited       boolean     NOT NULL,
    begun_at      timestamptz NOT NULL DEFAULT now(),
    ends_at       timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz
);
CREATE INDEX user_session_open ON user_session (person) WHERE ended_at IS NULL;
COMMENT ON TABLE user_session IS 'Sessions, so that a flushed Redis sends nobody away in the middle of a call.';
COMMENT ON COLUMN user_session.hash IS 'SHA-256 of 256 random bits that only the browser knows.';
COMMENT ON COLUMN user_session.limited IS 'May only set up a password and a second factor.';

CREATE TABLE answered_change (
    person        text        NOT NULL,
    key           text        NOT NULL CHECK (length(key) BETWEEN 8 AND 128),
    fingerprint   bytea       NOT NULL CHECK (length(fingerprint) = 32),
    status        smallint,
    body          text,
    made_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, key)
);
CREATE INDEX answered_change_age ON answered_change (made_at);
COMMENT ON TABLE answered_change IS 'What a change was answered, under its Idempotency-Key, for 30 days; written with the change.';
COMMENT ON COLUMN answered_change.fingerprint IS 'SHA-256 of method, path and body: the same key with another change is refused.';
