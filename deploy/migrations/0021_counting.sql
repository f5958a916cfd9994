-- What an insert pays for the counts: one lock and one statement, where a BEFORE trigger used to
-- plan a query anew for each row. The functions of the triggers that go stay, as 0008 decided.

-- The months of a comparison, and the spans of reports, are found by when a request was made.
CREATE INDEX request_made ON request USING brin (made_at) WITH (autosummarize = on);

DROP TRIGGER a_supersede ON request;
DROP TRIGGER a_restore ON request;

CREATE FUNCTION rank_requests(of_opened_at timestamptz, of_call_id text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE request SET superseded = NOT superseded
    WHERE opened_at = of_opened_at AND call_id = of_call_id
      AND superseded <> (source_rank(source) < (
          SELECT max(source_rank(source)) FROM request
          WHERE opened_at = of_opened_at AND call_id = of_call_id));
END $$;
COMMENT ON FUNCTION rank_requests IS 'Of a call''s requests only those of the best source count; whoever calls it holds the call''s lock.';

CREATE OR REPLACE FUNCTION count_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- Two writers of one call wait for each other here, or each would miss the other's row.
        PERFORM pg_advisory_xact_lock(hashtextextended(NEW.call_id, 12320));
        INSERT INTO count_change
        SELECT (NEW.made_at AT TIME ZONE 'Asia/Shanghai')::date, NEW.scheme, NEW.unit, NEW.code,
               NEW.channel, NEW.direction, NEW.settlement, 1
        WHERE NOT NEW.superseded AND NOT EXISTS (
            SELECT FROM request
            WHERE opened_at = NEW.opened_at AND call_id = NEW.call_id AND source <> NEW.source);
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND
        (OLD.superseded, OLD.made_at, OLD.scheme, OLD.unit, OLD.code, OLD.channel, OLD.direction,
         OLD.settlement)
      = (NEW.superseded, NEW.made_at, NEW.scheme, NEW.unit, NEW.code, NEW.channel, NEW.direction,
         NEW.settlement) THEN
        RETURN NULL;
    END IF;
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
    -- What ranking changes comes back here as an update, and is counted then.
    IF TG_OP = 'INSERT' THEN
        PERFORM rank_requests(NEW.opened_at, NEW.call_id);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(OLD.call_id, 12320));
        PERFORM rank_requests(OLD.opened_at, OLD.call_id);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION rank_requests(timestamptz, text), count_request() FROM PUBLIC;

-- The moment beside the day, so that a month is looked up and not searched for.
CREATE OR REPLACE VIEW counted AS
    SELECT (made_at AT TIME ZONE 'Asia/Shanghai')::date AS day, scheme, unit, code, channel,
           direction, settlement, 1 AS n, made_at AS at
    FROM request WHERE NOT superseded
    UNION ALL
    SELECT day, scheme, unit, code, 'phone', 'inbound', settlement, n,
           day::timestamp AT TIME ZONE 'Asia/Shanghai'
    FROM import_line JOIN import_file USING (import_id)
    UNION ALL
    SELECT month, scheme, unit, code, 'phone', 'inbound', settlement, n,
           month::timestamp AT TIME ZONE 'Asia/Shanghai'
    FROM submission_line JOIN submission USING (submission_id) WHERE state = 'accepted';

-- How calls left the queue they came into first, and what their agents did with them.
CREATE VIEW report.leg AS
    SELECT opened_at, call_id, position, kind, agent, started_at, answered_at, ended_at, ring_ms,
           talk_ms, hold_ms, wrap_up_ms
    FROM public.leg;
GRANT SELECT ON report.leg TO hotline_report;
