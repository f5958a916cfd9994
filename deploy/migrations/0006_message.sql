-- Messages that callers leave: work for the people of a queue. Made by the fold of a call in its own
-- transaction; what people do with one afterwards is theirs, and a fold made again leaves it alone.

CREATE TABLE message (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL CHECK (opened_at = call_opened_at(call_id)),
    queue         text        NOT NULL CHECK (queue ~ '^[a-z0-9_]{1,32}$'),
    urgent        boolean     NOT NULL,
    left_at       timestamptz NOT NULL,
    length_ms     bigint      NOT NULL CHECK (length_ms >= 0),
    state         text        NOT NULL CHECK (state IN ('new', 'taken', 'done', 'discarded')),
    taken_by      text,
    taken_at      timestamptz,
    done_at       timestamptz,
    transcript    text,
    PRIMARY KEY (opened_at, call_id),
    FOREIGN KEY (opened_at, call_id) REFERENCES call,
    CHECK ((state IN ('taken', 'done')) = (taken_by IS NOT NULL AND taken_at IS NOT NULL)),
    CHECK ((state = 'done') = (done_at IS NOT NULL))
);
CREATE INDEX message_waiting ON message (urgent DESC, left_at) WHERE state IN ('new', 'taken');
COMMENT ON TABLE message IS '留言, one per call. The sound is the recording of leg voicemail; its caller is the call''s.';
COMMENT ON COLUMN message.queue IS 'Whose people deal with it.';
COMMENT ON COLUMN message.state IS 'discarded: shorter than three seconds, so nobody''s work.';
COMMENT ON COLUMN message.transcript IS 'By a speech recogniser, where a centre has one.';
GRANT SELECT, INSERT, UPDATE ON message TO hotline_ledger;
