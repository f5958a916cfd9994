-- Reports that somebody keeps, has mailed on a schedule, and every time that was done or tried.

CREATE TABLE saved_report (
    saved_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner         text        NOT NULL REFERENCES user_account,
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    report        text        NOT NULL,
    period        text        NOT NULL,
    queue         text        NOT NULL DEFAULT '',
    agent         text        NOT NULL DEFAULT '',
    unit          text        NOT NULL DEFAULT '',
    shared        boolean     NOT NULL DEFAULT false,
    made_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz
);
CREATE UNIQUE INDEX saved_report_name ON saved_report (owner, name) WHERE deleted_at IS NULL;
COMMENT ON TABLE saved_report IS 'A report as it stood on a screen, under a name. A deleted one can be brought back.';
COMMENT ON COLUMN saved_report.period IS 'Told from the day it is run on, such as last_month; see agents/reports/periods.py.';
COMMENT ON COLUMN saved_report.shared IS 'All who may see reports may open it; only its owner changes it.';

CREATE TABLE report_schedule (
    schedule_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    saved_id      bigint      NOT NULL REFERENCES saved_report,
    every         text        NOT NULL CHECK (every IN ('day', 'week', 'month')),
    on_day        smallint    NOT NULL,
    at            time        NOT NULL,
    recipients    text[]      NOT NULL CHECK (cardinality(recipients) BETWEEN 1 AND 20),
    form          text        NOT NULL CHECK (form IN ('none', 'csv', 'xlsx')),
    short_text    boolean     NOT NULL,
    next_due      timestamptz NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    stopped_at    timestamptz,
    CHECK (short_text OR form <> 'none'),
    CHECK (CASE every WHEN 'day' THEN on_day = 0 WHEN 'week' THEN on_day BETWEEN 1 AND 7
                      ELSE on_day BETWEEN 1 AND 31 END)
);
CREATE INDEX report_schedule_due ON report_schedule (next_due) WHERE stopped_at IS NULL;
CREATE INDEX report_schedule_saved ON report_schedule (saved_id);
COMMENT ON COLUMN report_schedule.on_day IS 'Day of ISO 8601''s week, or of the month: in a shorter month its last one.';
COMMENT ON COLUMN report_schedule.at IS 'In Chinese time.';
COMMENT ON COLUMN report_schedule.form IS 'Of the attached table.';

CREATE TABLE report_run (
    run_id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule_id   bigint      NOT NULL REFERENCES report_schedule,
    due_at        timestamptz NOT NULL,
    state         text        NOT NULL DEFAULT 'due'
                  CHECK (state IN ('due', 'sending', 'waiting', 'sent', 'failed')),
    tries         integer     NOT NULL DEFAULT 0,
    try_at        timestamptz NOT NULL,
    holder        text,
    lease_until   timestamptz,
    begun_at      timestamptz,
    ended_at      timestamptz,
    reason        text        NOT NULL DEFAULT '',
    UNIQUE (schedule_id, due_at),
    CHECK ((state IN ('sent', 'failed')) = (ended_at IS NOT NULL)),
    CHECK ((state = 'sending') = (holder IS NOT NULL AND lease_until IS NOT NULL))
);
CREATE INDEX report_run_open ON report_run (try_at) WHERE ended_at IS NULL;
COMMENT ON TABLE report_run IS 'One time that a scheduled report was due.';
COMMENT ON COLUMN report_run.state IS 'waiting: a try came to nothing, the next is at try_at; failed: given up, or not all would have it.';
COMMENT ON COLUMN report_run.lease_until IS 'Until then the run is its holder''s; a server that died lets it lapse.';
COMMENT ON COLUMN report_run.reason IS 'A word, with the code that the mail server gave; see docs/statistics.md.';

CREATE TABLE report_delivery (
    run_id        bigint      NOT NULL REFERENCES report_run,
    recipient     text        NOT NULL,
    state         text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused')),
    reason        text        NOT NULL DEFAULT '',
    ended_at      timestamptz,
    PRIMARY KEY (run_id, recipient),
    CHECK ((state = 'waiting') = (ended_at IS NULL))
);
COMMENT ON TABLE report_delivery IS 'The mail of a run to one address: sent once, and never tried again once it is refused for good.';
