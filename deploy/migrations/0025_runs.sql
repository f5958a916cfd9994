-- Long runs that people ask for: what was asked, how far it is, and how it ended.

CREATE TABLE run (
    run_id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text        NOT NULL,
    about         text        NOT NULL,
    wanted        jsonb       NOT NULL,
    asked_by      text        NOT NULL,
    asked_at      timestamptz NOT NULL DEFAULT now(),
    state         text        NOT NULL DEFAULT 'waiting'
                  CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'lost')),
    step          integer     NOT NULL DEFAULT 0 CHECK (step >= 0),
    steps         integer     NOT NULL DEFAULT 0 CHECK (steps >= step),
    doing         text        NOT NULL DEFAULT '',
    why           text        NOT NULL DEFAULT '',
    result        jsonb       NOT NULL DEFAULT '{}',
    started_at    timestamptz,
    beat_at       timestamptz,
    ended_at      timestamptz,
    CHECK ((state IN ('waiting', 'running')) = (ended_at IS NULL)),
    CHECK (state <> 'running' OR beat_at IS NOT NULL)
);
CREATE UNIQUE INDEX run_once ON run (kind, about) WHERE state IN ('waiting', 'running');
CREATE UNIQUE INDEX run_at_hand ON run ((true)) WHERE state = 'running';
COMMENT ON TABLE run IS 'Work of seconds or minutes that somebody asked for. One is done at a time, whatever the number of servers.';
COMMENT ON COLUMN run.state IS 'lost: its server died or was stopped; what it was to keep was not kept, and it may be asked for again.';
COMMENT ON COLUMN run.why IS 'Code of the reason why it failed; result then holds what the reason names.';
COMMENT ON COLUMN run.beat_at IS 'When the server that does it last said so.';
