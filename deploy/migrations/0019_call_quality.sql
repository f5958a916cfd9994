-- How a call sounded in an agent's browser, as the browser measured it.

CREATE TABLE call_quality (
    call_id       text        NOT NULL CHECK (call_opened_at(call_id) IS NOT NULL),
    person        text        NOT NULL REFERENCES user_account,
    part          text        NOT NULL CHECK (part ~ '^[A-Za-z0-9-]{8,64}$'),
    codec         text        NOT NULL,
    seconds       integer     NOT NULL CHECK (seconds >= 0),
    received      bigint      NOT NULL CHECK (received >= 0),
    lost          bigint      NOT NULL CHECK (lost >= 0),
    jitter_ms     real        NOT NULL CHECK (jitter_ms >= 0),
    jitter_most_ms real       NOT NULL CHECK (jitter_most_ms >= jitter_ms),
    round_trip_ms real        CHECK (round_trip_ms >= 0),
    round_trip_most_ms real   CHECK (round_trip_most_ms >= round_trip_ms),
    told_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, person, part),
    CHECK ((round_trip_ms IS NULL) = (round_trip_most_ms IS NULL))
);
CREATE INDEX call_quality_told ON call_quality (told_at);
COMMENT ON TABLE call_quality IS 'One row for each time that a browser was in a call: a page that was loaded anew begins another part.';
COMMENT ON COLUMN call_quality.received IS 'RTP packets that the browser got of the caller''s voice; lost: those it missed.';
COMMENT ON COLUMN call_quality.jitter_ms IS 'Mean over the part; the worst look beside it. Round trips: NULL where the other side did not report.';
