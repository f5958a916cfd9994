-- The ledger: what Asterisk wrote, word for word, and what we made of it.
--
-- Everything that grows with the number of calls is partitioned by month, on the second in which
-- the call's first channel was made. That second is part of the linked id, so the same call always
-- falls into the same partition and (opened_at, call_id) is unique across all of them; a CHECK
-- holds every row to it. No second table is needed to keep a call single.

CREATE FUNCTION call_opened_at(call_id text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN to_timestamp(substring(call_id FROM '-([0-9]{9,11})\.[a-z]?[0-9]+$')::double precision);
COMMENT ON FUNCTION call_opened_at IS 'The second in which a linked id was made; NULL when it is none of ours.';

CREATE FUNCTION masked_number(number text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT CASE
            WHEN digits = '' THEN '匿名'
            WHEN length(digits) < 7 THEN digits
            WHEN digits ~ '^[0+]([^12]|$)' THEN left(digits, 4) || '****' || right(digits, 4)
            ELSE left(digits, 3) || '****' || right(digits, 4)
        END
        FROM (SELECT regexp_replace(number, '[^0-9+]', '', 'g') AS digits) AS cleaned
    );
COMMENT ON FUNCTION masked_number IS 'As ivr.log.mask_number: what people without a need may see of a number.';

-- What Asterisk wrote ---------------------------------------------------------------------------

CREATE TABLE engine_boot (
    node          text        NOT NULL,
    boot          bigint      NOT NULL,
    seen_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node, boot)
);
COMMENT ON TABLE engine_boot IS 'Starts of each Asterisk. A call of an earlier one cannot still be going on.';

CREATE TABLE spool_file (
    file_id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node          text        NOT NULL,
    head          bytea       NOT NULL CHECK (length(head) = 32),
    generation    integer     NOT NULL DEFAULT 1 CHECK (generation > 0),
    name          text        NOT NULL,
    device        bigint      NOT NULL,
    inode         bigint      NOT NULL,
    position      bigint      NOT NULL DEFAULT 0 CHECK (position >= 0),
    tail          bytea       NOT NULL DEFAULT '' CHECK (length(tail) <= 128),
    opened_at     timestamptz NOT NULL DEFAULT now(),
    read_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (node, head, generation)
);
COMMENT ON TABLE spool_file IS 'How far each spool file has been read; moves only together with the lines.';
COMMENT ON COLUMN spool_file.head IS 'SHA-256 of the first line: a file keeps it through renaming and copying.';
COMMENT ON COLUMN spool_file.generation IS 'Counts how often a file of this head was truncated or replaced.';
COMMENT ON COLUMN spool_file.tail IS 'The last bytes read; found again before position, or the file is another.';

CREATE TABLE spool_line (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL CHECK (opened_at = call_opened_at(call_id)),
    file_id       bigint      NOT NULL,
    position      bigint      NOT NULL,
    line          text        NOT NULL,
    PRIMARY KEY (opened_at, call_id, file_id, position)
) PARTITION BY RANGE (opened_at);
COMMENT ON TABLE spool_line IS 'CEL lines as written; insert only. Records are folded from these and nothing else.';

CREATE TABLE quarantine (
    quarantine_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node          text        NOT NULL,
    file_id       bigint      NOT NULL,
    position      bigint      NOT NULL,
    reason        text        NOT NULL,
    content       bytea       NOT NULL,
    seen_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (file_id, position)
);
COMMENT ON TABLE quarantine IS 'Bytes of the spool that are no record: torn, merged, foreign. Counted, kept, never believed.';

CREATE TABLE fold_due (
    call_id       text        PRIMARY KEY,
    opened_at     timestamptz NOT NULL,
    node          text        NOT NULL,
    ended         boolean     NOT NULL,
    due_at        timestamptz NOT NULL DEFAULT now(),
    attempts      integer     NOT NULL DEFAULT 0
);
COMMENT ON TABLE fold_due IS 'Calls with lines newer than their record; written with the lines, removed with the record.';

-- What we made of it ----------------------------------------------------------------------------

CREATE TABLE agent (
    agent_id      text        PRIMARY KEY CHECK (agent_id ~ '^[a-z0-9]{1,16}$'),
    display_name  text        NOT NULL DEFAULT '',
    active        boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE agent IS '咨询员. The id is the one in the name of the phone, PJSIP/agent-<id>.';

CREATE TABLE call (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL CHECK (opened_at = call_opened_at(call_id)),
    node          text        NOT NULL,
    boot          bigint      NOT NULL,
    direction     text        NOT NULL CHECK (direction IN ('inbound', 'outbound', 'internal')),
    caller        text        NOT NULL CHECK (caller ~ '^[0-9+]{0,20}$'),
    dialled       text        NOT NULL CHECK (dialled ~ '^[0-9*#+]{0,20}$'),
    started_at    timestamptz NOT NULL,
    answered_at   timestamptz,
    ended_at      timestamptz,
    final         boolean     NOT NULL,
    disposition   text        CHECK (disposition IN (
        'answered', 'self_service', 'abandoned_in_menu', 'abandoned_in_queue', 'overflow',
        'voicemail', 'callback_booked', 'night', 'blocked', 'busy', 'no_answer', 'failed',
        'engine_lost')),
    short         boolean     NOT NULL,
    menu_path     text        NOT NULL,
    fallback      text,
    queue         text,
    agent         text,
    wait_ms       bigint      NOT NULL CHECK (wait_ms >= 0),
    ring_ms       bigint      NOT NULL CHECK (ring_ms >= 0),
    talk_ms       bigint      NOT NULL CHECK (talk_ms >= 0),
    hold_ms       bigint      NOT NULL CHECK (hold_ms >= 0),
    ended_by      text        CHECK (ended_by IN ('caller', 'callee', 'agent', 'system')),
    cause         integer,
    rating_offered boolean    NOT NULL,
    rating        smallint    CHECK (rating BETWEEN 1 AND 3),
    attempt       text,
    recorded      boolean     NOT NULL,
    inexact       boolean     NOT NULL,
    digest        bytea       NOT NULL CHECK (length(digest) = 32),
    folded_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (opened_at, call_id),
    CHECK (final = (disposition IS NOT NULL)),
    CHECK (final = (ended_at IS NOT NULL))
) PARTITION BY RANGE (opened_at);
CREATE INDEX call_open ON call (node, boot) WHERE NOT final;
CREATE INDEX call_started ON call USING brin (started_at);
COMMENT ON TABLE call IS '通话, one row per linked id: the fold of its lines. Columns are explained in ivr/calls.py.';
COMMENT ON COLUMN call.digest IS 'SHA-256 of the whole record with its legs; equal digests, equal records.';

CREATE TABLE leg (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL,
    position      integer     NOT NULL,
    channel       text        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('trunk', 'agent', 'local', 'other')),
    agent         text,
    started_at    timestamptz NOT NULL,
    answered_at   timestamptz,
    ended_at      timestamptz,
    ring_ms       bigint      NOT NULL,
    talk_ms       bigint      NOT NULL,
    hold_ms       bigint      NOT NULL,
    cause         integer,
    PRIMARY KEY (opened_at, call_id, position)
) PARTITION BY RANGE (opened_at);
COMMENT ON TABLE leg IS 'Channels of a call; for an agent its ring, talk and hold times.';

CREATE TABLE menu_step (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL,
    position      integer     NOT NULL,
    menu          text        NOT NULL,
    key           text        NOT NULL,
    chosen_at     timestamptz NOT NULL,
    PRIMARY KEY (opened_at, call_id, position)
) PARTITION BY RANGE (opened_at);
COMMENT ON TABLE menu_step IS 'Keys a caller chose; t is silence, i a key that was not offered.';

CREATE TABLE queue_visit (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL,
    position      integer     NOT NULL,
    queue         text        NOT NULL,
    priority      integer     NOT NULL,
    entered_at    timestamptz NOT NULL,
    connected_at  timestamptz,
    left_at       timestamptz,
    wait_ms       bigint      NOT NULL,
    outcome       text        NOT NULL CHECK (outcome IN (
        'waiting', 'answered', 'abandoned', 'overflow', 'lost')),
    status        text        NOT NULL,
    agent         text,
    PRIMARY KEY (opened_at, call_id, position)
) PARTITION BY RANGE (opened_at);
COMMENT ON TABLE queue_visit IS 'Each stay in a queue: entered, connected or left, and why.';

CREATE TABLE offer (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL,
    visit         integer     NOT NULL,
    position      integer     NOT NULL,
    agent         text        NOT NULL,
    offered_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    ring_ms       bigint      NOT NULL,
    outcome       text        NOT NULL CHECK (outcome IN (
        'ringing', 'connected', 'no_answer', 'declined', 'withdrawn')),
    PRIMARY KEY (opened_at, call_id, visit, position)
) PARTITION BY RANGE (opened_at);
COMMENT ON TABLE offer IS 'Each time a queue rang an agent for a caller.';

CREATE SEQUENCE request_number;
CREATE TABLE request (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL,
    source        text        NOT NULL CHECK (source IN ('menu', 'agent', 'classifier')),
    position      integer     NOT NULL CHECK (position > 0),
    request_id    bigint      NOT NULL DEFAULT nextval('request_number'),
    scheme        text        NOT NULL,
    service       text        NOT NULL CHECK (service ~ '^[A-Z]$'),
    code          text        NOT NULL CHECK (code ~ '^[A-Z][0-9A-Z.]*$' AND left(code, 1) = service),
    confidence    real        NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (opened_at, call_id, source, position),
    FOREIGN KEY (opened_at, call_id) REFERENCES call
) PARTITION BY RANGE (opened_at);
CREATE INDEX request_by_number ON request (request_id);
COMMENT ON TABLE request IS '服务请求, the unit of every bulletin: 0..n of a call, single per source and position.';
COMMENT ON COLUMN request.scheme IS 'Id of the taxonomy edition that the code belongs to, such as 12320-2016.';

CREATE TABLE recording (
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL,
    leg           text        NOT NULL DEFAULT 'both' CHECK (leg IN ('both', 'voicemail')),
    state         text        NOT NULL CHECK (state IN ('kept', 'missing', 'deleted')),
    path          text,
    format        text        CHECK (format IN ('wav', 'opus')),
    key_id        text,
    bytes         bigint,
    milliseconds  bigint,
    sha256        bytea       CHECK (length(sha256) = 32),
    kept_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (opened_at, call_id, leg),
    FOREIGN KEY (opened_at, call_id) REFERENCES call,
    UNIQUE (opened_at, path),
    CHECK ((state = 'missing') = (path IS NULL)),
    CHECK (state = 'missing' OR (path LIKE '____/__/__/' || call_id || '.%'))
) PARTITION BY RANGE (opened_at);
COMMENT ON TABLE recording IS 'One per call and leg; a missing one was due and never came.';
COMMENT ON COLUMN recording.path IS 'Below the archive. Holds the call id, so it is unique across partitions too.';
COMMENT ON COLUMN recording.sha256 IS 'Of the sound as archived, before encryption.';

CREATE TABLE recording_orphan (
    node          text        NOT NULL,
    name          text        NOT NULL,
    reason        text        NOT NULL,
    bytes         bigint      NOT NULL,
    modified_at   timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL DEFAULT now(),
    adopted_at    timestamptz,
    PRIMARY KEY (node, name)
);
COMMENT ON TABLE recording_orphan IS 'Files that belong to no call. Left where they are, never deleted; adopted when the call appears.';

-- Partitions ------------------------------------------------------------------------------------

CREATE FUNCTION make_partitions(month date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    child  text;
    since  timestamptz := date_trunc('month', month)::timestamp AT TIME ZONE 'Asia/Shanghai';
    until  timestamptz := (date_trunc('month', month) + interval '1 month')::timestamp
                          AT TIME ZONE 'Asia/Shanghai';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('make_partitions', 0));
    -- call first: request and recording refer to it.
    FOREACH parent IN ARRAY ARRAY['call', 'spool_line', 'leg', 'menu_step', 'queue_visit', 'offer',
                                  'request', 'recording'] LOOP
        child := format('%s_%s', parent, to_char(month, 'YYYY_MM'));
        CONTINUE WHEN to_regclass(child) IS NOT NULL;
        -- Made apart and attached, because CREATE … PARTITION OF would lock out every reader.
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                       child, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, since, until);
    END LOOP;
END $$;
COMMENT ON FUNCTION make_partitions IS 'Make one month''s partitions of every table that has them; idempotent.';

CREATE FUNCTION make_partitions_ahead(months integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    FOR ahead IN 0..months LOOP
        PERFORM make_partitions(
            ((now() AT TIME ZONE 'Asia/Shanghai') + make_interval(months => ahead))::date);
    END LOOP;
END $$;

SELECT make_partitions_ahead(2);
