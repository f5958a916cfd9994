-- Statistics: who reports, what is counted, what was sent in, what was published.
--
-- The unit of every figure is the request. Counts follow the requests inside the request's own
-- transaction: each change appends a row to count_change, which takes no lock that another writer
-- could wait for. merge_counts() folds the changes into the counts; whoever reads before that adds
-- the changes that are still waiting, so the figures are right at every moment.

-- Who reports -------------------------------------------------------------------------------------

CREATE TABLE unit (
    unit_id       text        PRIMARY KEY CHECK (unit_id ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    name          text        NOT NULL CHECK (name <> ''),
    brief_name    text        NOT NULL,
    heading_name  text        NOT NULL,
    reports_by    text        NOT NULL CHECK (reports_by IN ('requests', 'submissions')),
    public_key    bytea       CHECK (length(public_key) = 32)
);
COMMENT ON TABLE unit IS '上报单位: a centre, a city, a pair of cities; not the same as a province.';
COMMENT ON COLUMN unit.reports_by IS 'requests: its requests are in this database; submissions: it sends a file a month.';
COMMENT ON COLUMN unit.public_key IS 'Ed25519; once set, a submission without a good signature is refused.';
INSERT INTO unit VALUES ('self', '本中心', '本中心', '本中心', 'requests');

CREATE TABLE membership (
    network       text        NOT NULL,
    unit_id       text        NOT NULL REFERENCES unit,
    position      integer     NOT NULL,
    since         date        NOT NULL DEFAULT '-infinity',
    until         date        NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (network, unit_id, since),
    CHECK (since < until)
);
COMMENT ON TABLE membership IS 'From which day until before which day a unit belongs to a network of reporting units.';
COMMENT ON COLUMN membership.position IS 'Decides ties, and the columns of tables in fixed order.';

-- What is counted ---------------------------------------------------------------------------------

ALTER TABLE request
    ADD COLUMN unit       text    NOT NULL DEFAULT 'self' REFERENCES unit,
    ADD COLUMN channel    text    NOT NULL DEFAULT 'phone' CHECK (channel IN (
        'phone', 'voice', 'web', 'sms', 'weibo', 'wechat', 'app', 'terminal', 'tv', 'mail')),
    ADD COLUMN direction  text    NOT NULL DEFAULT 'inbound' CHECK (direction IN (
        'inbound', 'outbound')),
    ADD COLUMN settlement text    NOT NULL DEFAULT 'open' CHECK (settlement IN (
        'on_the_spot', 'transferred', 'open')),
    ADD COLUMN superseded boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN request.unit IS 'Which unit''s 件次 it is.';
COMMENT ON COLUMN request.settlement IS '当场办结, 转办, or neither yet.';
COMMENT ON COLUMN request.superseded IS 'Somebody who knows better has said what the call was about; not counted.';
CREATE OR REPLACE VIEW report.request AS SELECT * FROM public.request;

CREATE TABLE count_change (
    day           date        NOT NULL,
    scheme        text        NOT NULL,
    unit          text        NOT NULL,
    code          text        NOT NULL,
    channel       text        NOT NULL,
    direction     text        NOT NULL,
    settlement    text        NOT NULL,
    n             integer     NOT NULL
);
COMMENT ON TABLE count_change IS 'Changes of the counts that are not merged yet; insert and take out, never update.';

CREATE TABLE day_count (
    day           date        NOT NULL,
    scheme        text        NOT NULL,
    unit          text        NOT NULL,
    class         text        NOT NULL,
    channel       text        NOT NULL,
    direction     text        NOT NULL,
    settlement    text        NOT NULL,
    n             integer     NOT NULL,
    PRIMARY KEY (day, scheme, unit, class, channel, direction, settlement)
);
COMMENT ON TABLE day_count IS '件次 by day. class is the level-1 category: a day at full depth would hardly be smaller than the requests.';

CREATE TABLE month_count (
    month         date        NOT NULL CHECK (extract(day FROM month) = 1),
    scheme        text        NOT NULL,
    unit          text        NOT NULL,
    code          text        NOT NULL,
    channel       text        NOT NULL,
    direction     text        NOT NULL,
    settlement    text        NOT NULL,
    n             integer     NOT NULL,
    PRIMARY KEY (month, scheme, unit, code, channel, direction, settlement)
);
COMMENT ON TABLE month_count IS '件次 by month at full depth.';

CREATE TABLE month_by_unit (
    month         date        NOT NULL,
    scheme        text        NOT NULL,
    unit          text        NOT NULL,
    service       text        NOT NULL,
    n             integer     NOT NULL,
    PRIMARY KEY (month, scheme, unit, service)
);
CREATE TABLE month_by_code (
    month         date        NOT NULL,
    scheme        text        NOT NULL,
    code          text        NOT NULL,
    settlement    text        NOT NULL,
    n             integer     NOT NULL,
    PRIMARY KEY (month, scheme, code, settlement)
);
COMMENT ON TABLE month_by_unit IS 'Margin of month_count; with month_by_code all that a bulletin''s tables need.';
COMMENT ON TABLE month_by_code IS 'Margin of month_count by category and settlement.';

CREATE TABLE year_by_unit (
    year          date        NOT NULL,
    scheme        text        NOT NULL,
    unit          text        NOT NULL,
    service       text        NOT NULL,
    n             integer     NOT NULL,
    PRIMARY KEY (year, scheme, unit, service)
);
CREATE TABLE year_by_code (
    year          date        NOT NULL,
    scheme        text        NOT NULL,
    code          text        NOT NULL,
    settlement    text        NOT NULL,
    n             integer     NOT NULL,
    PRIMARY KEY (year, scheme, code, settlement)
);
COMMENT ON TABLE year_by_unit IS 'The same margin by calendar year, under its first day.';
COMMENT ON TABLE year_by_code IS 'The same margin by calendar year, under its first day.';

CREATE FUNCTION source_rank(source text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE source WHEN 'agent' THEN 3 WHEN 'classifier' THEN 2 ELSE 1 END;
COMMENT ON FUNCTION source_rank IS 'Who knows best what a call was about: the agent, then the classifier, then the keys pressed.';

-- A call's requests lie in one partition, the one that fires: asking the parent would open all.
CREATE FUNCTION supersede_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    highest integer;
BEGIN
    -- Two writers of one call wait for each other here, or each would miss the other's row.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.call_id, 12320));
    EXECUTE format('SELECT max(source_rank(source)) FROM ONLY %I.%I '
                   'WHERE opened_at = $1 AND call_id = $2', TG_TABLE_SCHEMA, TG_TABLE_NAME)
        INTO highest USING NEW.opened_at, NEW.call_id;
    IF highest > source_rank(NEW.source) THEN
        NEW.superseded := true;
    ELSIF highest < source_rank(NEW.source) THEN
        UPDATE request SET superseded = true
        WHERE opened_at = NEW.opened_at AND call_id = NEW.call_id AND NOT superseded;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_supersede BEFORE INSERT ON request FOR EACH ROW
    EXECUTE FUNCTION supersede_request();

CREATE FUNCTION restore_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE request SET superseded = false
    WHERE opened_at = OLD.opened_at AND call_id = OLD.call_id AND superseded
      AND source_rank(source) = (
          SELECT max(source_rank(source)) FROM request
          WHERE opened_at = OLD.opened_at AND call_id = OLD.call_id);
    RETURN NULL;
END $$;
CREATE TRIGGER a_restore AFTER DELETE ON request FOR EACH ROW
    EXECUTE FUNCTION restore_request();

CREATE FUNCTION count_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND NOT OLD.superseded THEN
        INSERT INTO count_change VALUES (
            (OLD.made_at AT TIME ZONE 'Asia/Shanghai')::date, OLD.scheme, OLD.unit, OLD.code,
            OLD.channel, OLD.direction, OLD.settlement, -1);
    END IF;
    IF TG_OP <> 'DELETE' AND NOT NEW.superseded THEN
        INSERT INTO count_change VALUES (
            (NEW.made_at AT TIME ZONE 'Asia/Shanghai')::date, NEW.scheme, NEW.unit, NEW.code,
            NEW.channel, NEW.direction, NEW.settlement, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER b_count AFTER INSERT OR DELETE OR UPDATE ON request FOR EACH ROW
    EXECUTE FUNCTION count_request();

CREATE FUNCTION merge_counts() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    merged bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('counts', 0));
    WITH taken AS (
        DELETE FROM count_change RETURNING *
    ), cell AS MATERIALIZED (
        SELECT day, date_trunc('month', day)::date AS month, scheme, unit, code, channel,
               direction, settlement, sum(n)::integer AS n
        FROM taken
        GROUP BY day, scheme, unit, code, channel, direction, settlement
        HAVING sum(n) <> 0
    ), by_day AS (
        INSERT INTO day_count AS c
        SELECT day, scheme, unit, left(code, 3), channel, direction, settlement, sum(n)::integer
        FROM cell GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT (day, scheme, unit, class, channel, direction, settlement)
        DO UPDATE SET n = c.n + EXCLUDED.n
    ), by_month AS (
        INSERT INTO month_count AS c
        SELECT month, scheme, unit, code, channel, direction, settlement, sum(n)::integer
        FROM cell GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
        ON CONFLICT (month, scheme, unit, code, channel, direction, settlement)
        DO UPDATE SET n = c.n + EXCLUDED.n
    ), by_unit AS (
        INSERT INTO month_by_unit AS c
        SELECT month, scheme, unit, left(code, 1), sum(n)::integer
        FROM cell GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (month, scheme, unit, service) DO UPDATE SET n = c.n + EXCLUDED.n
    ), by_code AS (
        INSERT INTO month_by_code AS c
        SELECT month, scheme, code, settlement, sum(n)::integer
        FROM cell GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (month, scheme, code, settlement) DO UPDATE SET n = c.n + EXCLUDED.n
    ), by_unit_year AS (
        INSERT INTO year_by_unit AS c
        SELECT date_trunc('year', month)::date, scheme, unit, left(code, 1), sum(n)::integer
        FROM cell GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (year, scheme, unit, service) DO UPDATE SET n = c.n + EXCLUDED.n
    ), by_code_year AS (
        INSERT INTO year_by_code AS c
        SELECT date_trunc('year', month)::date, scheme, code, settlement, sum(n)::integer
        FROM cell GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (year, scheme, code, settlement) DO UPDATE SET n = c.n + EXCLUDED.n
    )
    SELECT count(*) INTO merged FROM taken;
    RETURN merged;
END $$;
COMMENT ON FUNCTION merge_counts IS 'Fold the waiting changes into the counts; returns how many there were.';

-- What was sent in --------------------------------------------------------------------------------

CREATE TABLE import_file (
    import_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest        bytea       NOT NULL UNIQUE CHECK (length(digest) = 32),
    name          text        NOT NULL,
    scheme        text        NOT NULL,
    imported_by   text        NOT NULL,
    imported_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE import_file IS 'Files of history, each imported once: the digest is that of its bytes.';
CREATE TABLE import_line (
    import_id     bigint      NOT NULL REFERENCES import_file,
    line          integer     NOT NULL,
    day           date        NOT NULL,
    unit          text        NOT NULL REFERENCES unit,
    code          text        NOT NULL CHECK (code ~ '^[A-Z][0-9A-Z.]*$'),
    settlement    text        NOT NULL CHECK (settlement IN ('on_the_spot', 'transferred', 'open')),
    n             integer     NOT NULL CHECK (n >= 0),
    PRIMARY KEY (import_id, line)
);
CREATE INDEX import_line_unit_day ON import_line (unit, day);

CREATE TABLE submission (
    submission_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit          text        NOT NULL REFERENCES unit,
    month         date        NOT NULL CHECK (extract(day FROM month) = 1),
    scheme        text        NOT NULL,
    version       integer     NOT NULL CHECK (version > 0),
    standing      text        NOT NULL CHECK (standing IN ('complete', 'partial')),
    total         integer     NOT NULL CHECK (total >= 0),
    reason        text        NOT NULL,
    document      text        NOT NULL,
    digest        bytea       NOT NULL CHECK (length(digest) = 32),
    signature     bytea,
    late          boolean     NOT NULL,
    state         text        NOT NULL CHECK (state IN ('received', 'accepted', 'replaced')),
    sent_by       text        NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now(),
    accepted_by   text,
    accepted_at   timestamptz,
    UNIQUE (unit, month, scheme, version),
    UNIQUE (unit, month, scheme, digest),
    CHECK ((state = 'received') = (accepted_at IS NULL))
);
CREATE UNIQUE INDEX submission_in_force ON submission (unit, month, scheme) WHERE state = 'accepted';
COMMENT ON TABLE submission IS 'A unit''s month as it was sent, every version of it; at most one is in force.';
CREATE TABLE submission_line (
    submission_id bigint      NOT NULL REFERENCES submission,
    code          text        NOT NULL CHECK (code ~ '^[A-Z][0-9A-Z.]*$'),
    settlement    text        NOT NULL CHECK (settlement IN ('on_the_spot', 'transferred', 'open')),
    n             integer     NOT NULL CHECK (n >= 0),
    PRIMARY KEY (submission_id, code, settlement)
);

CREATE VIEW counted AS
    SELECT (made_at AT TIME ZONE 'Asia/Shanghai')::date AS day, scheme, unit, code, channel,
           direction, settlement, 1 AS n
    FROM request WHERE NOT superseded
    UNION ALL
    SELECT day, scheme, unit, code, 'phone', 'inbound', settlement, n
    FROM import_line JOIN import_file USING (import_id)
    UNION ALL
    SELECT month, scheme, unit, code, 'phone', 'inbound', settlement, n
    FROM submission_line JOIN submission USING (submission_id) WHERE state = 'accepted';
COMMENT ON VIEW counted IS 'What the counts are counts of. A submission knows no day; it counts on the first of its month.';

-- What was published ------------------------------------------------------------------------------

CREATE TABLE bulletin (
    bulletin_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scheme        text        NOT NULL,
    first_month   date        NOT NULL,
    last_month    date        NOT NULL,
    issue         integer     NOT NULL,
    state         text        NOT NULL CHECK (state IN ('draft', 'review', 'published')),
    document      text        NOT NULL,
    watermark     text        NOT NULL,
    changed_by    text        NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    published_at  timestamptz,
    CHECK ((state = 'published') = (published_at IS NOT NULL))
);
CREATE UNIQUE INDEX bulletin_in_work ON bulletin (scheme, first_month, last_month)
    WHERE state <> 'published';
COMMENT ON TABLE bulletin IS '工作简报 as compiled; a published one never changes, a restated month makes a new one.';

CREATE FUNCTION keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'bulletin % is published', OLD.bulletin_id
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keep_published BEFORE UPDATE OR DELETE ON bulletin FOR EACH ROW
    WHEN (OLD.state = 'published') EXECUTE FUNCTION keep_published();

-- Who may -----------------------------------------------------------------------------------------

GRANT SELECT ON unit, membership, day_count, month_count, month_by_unit, month_by_code,
    year_by_unit, year_by_code, count_change, submission, bulletin TO hotline_report;
GRANT SELECT ON unit TO hotline_ledger;
REVOKE ALL ON FUNCTION merge_counts(), count_request(), supersede_request(), restore_request()
    FROM PUBLIC;
