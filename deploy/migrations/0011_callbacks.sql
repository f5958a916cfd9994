-- Call-backs that keep the place.
--
-- A ticket comes about in the transaction that stores the record of the call that booked it, and
-- moves on in the transactions that store the records of its attempts. The bridge only commits an
-- attempt before it places it, and gives the number out once.

DO $$
BEGIN
    IF to_regrole('hotline_bridge') IS NULL THEN
        CREATE ROLE hotline_bridge NOLOGIN;
    END IF;
EXCEPTION
    -- Another database's migration was quicker.
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role hotline_bridge is missing and % may not create it', current_user
            USING HINT = 'As a superuser: CREATE ROLE hotline_bridge NOLOGIN';
END $$;

CREATE FUNCTION citizen_number(number text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT CASE WHEN dialled ~ '^(1[3-9][0-9]{9}|010[2-8][0-9]{7}|02[0-9][2-8][0-9]{7}|0[3-9][0-9]{2}[2-8][0-9]{6,7})$'
                    THEN dialled END
        FROM (SELECT regexp_replace(number, '[^0-9]', '', 'g') AS digits) AS d
        CROSS JOIN LATERAL (
            SELECT CASE WHEN digits ~ '^0086' THEN substr(digits, 5)
                        WHEN digits ~ '^86' AND length(digits) > 11 THEN substr(digits, 3)
                        ELSE digits END AS national
        ) AS n
        CROSS JOIN LATERAL (
            SELECT CASE WHEN national ~ '^01[3-9][0-9]{9}$' THEN substr(national, 2)
                        WHEN national ~ '^(0|1[3-9][0-9]{9}$)' THEN national
                        ELSE '0' || national END AS dialled
        ) AS w
    );
COMMENT ON FUNCTION citizen_number IS 'A caller''s number as we dial it; NULL when it is none of the mainland''s. The same list as in dialplans/outbound.conf.';

CREATE FUNCTION on_do_not_call(wanted text) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found boolean;
BEGIN
    IF to_regclass('public.do_not_call') IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE 'SELECT EXISTS (SELECT 1 FROM public.do_not_call WHERE number = $1)'
        INTO found USING wanted;
    RETURN found;
END $$;
COMMENT ON FUNCTION on_do_not_call IS 'Whether a number asked not to be called; nobody has where that list is not kept.';

ALTER TABLE call ADD COLUMN callback_of text;
COMMENT ON COLUMN call.callback_of IS 'The call whose caller this call, made by us, calls back.';

-- Tickets -----------------------------------------------------------------------------------------

CREATE TABLE callback_ticket (
    ticket_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opened_at     timestamptz NOT NULL,
    call_id       text        NOT NULL CHECK (opened_at = call_opened_at(call_id)),
    node          text        NOT NULL,
    number        text        NOT NULL CHECK (number = citizen_number(number)),
    queue         text        NOT NULL CHECK (queue ~ '^[a-z0-9_]{1,32}$'),
    urgency       smallint    NOT NULL CHECK (urgency BETWEEN 0 AND 30),
    entered_at    timestamptz NOT NULL,
    booked_at     timestamptz NOT NULL,
    state         text        NOT NULL DEFAULT 'waiting' CHECK (state IN (
        'waiting', 'calling', 'reached', 'not_reached', 'served', 'expired', 'refused', 'merged')),
    tries         smallint    NOT NULL DEFAULT 0 CHECK (tries >= 0),
    due_at        timestamptz NOT NULL,
    closed_at     timestamptz,
    UNIQUE (opened_at, call_id),
    FOREIGN KEY (opened_at, call_id) REFERENCES call,
    CHECK ((state IN ('waiting', 'calling')) = (closed_at IS NULL))
);
CREATE UNIQUE INDEX callback_ticket_open ON callback_ticket (number, queue)
    WHERE state IN ('waiting', 'calling');
CREATE INDEX callback_ticket_due ON callback_ticket (node, due_at) WHERE state = 'waiting';
COMMENT ON TABLE callback_ticket IS '预约回拨: one open ticket a number and queue; holds the place of its caller in line.';
COMMENT ON COLUMN callback_ticket.entered_at IS 'When the caller first entered the queue: the order in line, whatever came later.';
COMMENT ON COLUMN callback_ticket.state IS 'As ivr.callback has it; merged: booked again while an earlier ticket was open.';
COMMENT ON COLUMN callback_ticket.tries IS 'How often the number was rung.';

CREATE SEQUENCE callback_attempt_number;
CREATE TABLE callback_attempt (
    attempt_id    text        PRIMARY KEY CHECK (call_opened_at(attempt_id) IS NOT NULL),
    ticket_id     bigint      NOT NULL REFERENCES callback_ticket,
    round         integer     NOT NULL CHECK (round > 0),
    intended_at   timestamptz NOT NULL DEFAULT now(),
    not_after     timestamptz NOT NULL,
    dialled_at    timestamptz,
    outcome       text        CHECK (outcome IN ('answered', 'no_answer', 'machine', 'withdrawn')),
    resolved_at   timestamptz,
    UNIQUE (ticket_id, round),
    CHECK ((outcome IS NULL) = (resolved_at IS NULL))
);
CREATE UNIQUE INDEX callback_attempt_open ON callback_attempt (ticket_id) WHERE outcome IS NULL;
COMMENT ON TABLE callback_attempt IS 'Intents, each committed before it is acted upon; its id is the channel''s and so the call''s.';
COMMENT ON COLUMN callback_attempt.not_after IS 'Asterisk refuses to begin it later; see NOT_AFTER.';
COMMENT ON COLUMN callback_attempt.dialled_at IS 'When the number was given out for it, once; without it nobody outside was rung.';
COMMENT ON COLUMN callback_attempt.outcome IS 'From the journal; withdrawn: nobody outside was rung, so it is no try.';

-- Who may -----------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE ON callback_ticket, callback_attempt TO hotline_ledger;
GRANT USAGE ON SCHEMA public TO hotline_bridge;
GRANT SELECT, UPDATE ON callback_ticket TO hotline_bridge;
GRANT SELECT, INSERT, UPDATE ON callback_attempt TO hotline_bridge;
GRANT SELECT ON engine_boot TO hotline_bridge;
GRANT SELECT (opened_at, ended_at, call_id, node, boot, caller, dialled, disposition, final) ON call
    TO hotline_bridge;
GRANT SELECT ON caller_profile, caller_block, surge_order TO hotline_bridge;
GRANT USAGE ON SEQUENCE callback_attempt_number TO hotline_bridge;
GRANT EXECUTE ON FUNCTION citizen_number(text), on_do_not_call(text), call_opened_at(text)
    TO hotline_bridge, hotline_ledger;
REVOKE ALL ON FUNCTION on_do_not_call(text), citizen_number(text) FROM PUBLIC;

CREATE VIEW report.callback_ticket AS
    SELECT ticket_id, call_id, node, masked_number(number) AS number, queue, urgency, entered_at,
           booked_at, state, tries, due_at, closed_at,
           (SELECT min(dialled_at) FROM public.callback_attempt AS a
            WHERE a.ticket_id = t.ticket_id AND a.outcome = 'answered') AS reached_at
    FROM public.callback_ticket AS t;
GRANT SELECT ON report.callback_ticket TO hotline_report;

CREATE OR REPLACE VIEW report.call AS
    SELECT opened_at, call_id, node, direction, masked_number(caller) AS caller, dialled,
           started_at, answered_at, ended_at, disposition, short, menu_path, fallback, queue, agent,
           wait_ms, ring_ms, talk_ms, hold_ms, ended_by, cause, rating_offered, rating, attempt,
           rating_reason, rating_exempt, callback_of
    FROM public.call
    WHERE final;
