-- Who may do what. Group roles without login: each process's own login is made a member of one.
-- The roles belong to the whole server, so several databases on it share them.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['hotline_ledger', 'hotline_report', 'hotline_audit'] LOOP
        BEGIN
            IF to_regrole(wanted) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION
            -- Another database's migration was quicker.
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'role % is missing and % may not create it', wanted, current_user
                    USING HINT = 'As a superuser: CREATE ROLE ' || wanted || ' NOLOGIN';
        END;
    END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;

-- The ledger appends to the spool's copy and can neither change nor remove a line of it.
GRANT USAGE ON SCHEMA public TO hotline_ledger;
GRANT SELECT, INSERT ON spool_line, quarantine, engine_boot TO hotline_ledger;
GRANT SELECT, INSERT, UPDATE ON spool_file, call, recording, recording_orphan, request, agent
    TO hotline_ledger;
GRANT SELECT, INSERT, UPDATE, DELETE ON fold_due, leg, menu_step, queue_visit, offer
    TO hotline_ledger;
GRANT USAGE ON SEQUENCE request_number TO hotline_ledger;
GRANT EXECUTE ON FUNCTION make_partitions(date), make_partitions_ahead(integer),
    call_opened_at(text), masked_number(text) TO hotline_ledger;

-- Reports read views without a person's number, and no table.
CREATE SCHEMA report;
GRANT USAGE ON SCHEMA report TO hotline_report;

CREATE VIEW report.call AS
    SELECT opened_at, call_id, node, direction, masked_number(caller) AS caller, dialled,
           started_at, answered_at, ended_at, disposition, short, menu_path, fallback, queue, agent,
           wait_ms, ring_ms, talk_ms, hold_ms, ended_by, cause, rating_offered, rating, attempt
    FROM public.call
    WHERE final;
CREATE VIEW report.queue_visit AS SELECT * FROM public.queue_visit;
CREATE VIEW report.offer AS SELECT * FROM public.offer;
CREATE VIEW report.request AS SELECT * FROM public.request;
GRANT SELECT ON ALL TABLES IN SCHEMA report TO hotline_report;

-- The audit: each row carries the hash of the one before, so none can be changed or taken out
-- unseen. The numbering has no gaps, because it is taken under a lock inside the transaction.
CREATE TABLE audit (
    seq           bigint      PRIMARY KEY,
    happened_at   timestamptz NOT NULL,
    actor         text        NOT NULL,
    action        text        NOT NULL,
    object        text        NOT NULL,
    detail        jsonb       NOT NULL,
    prev_hash     bytea       NOT NULL,
    hash          bytea       NOT NULL
);
COMMENT ON TABLE audit IS 'Every sensitive read or change, hash-chained; insert only.';

CREATE FUNCTION audit_hash(a audit) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(a.prev_hash || convert_to(concat_ws(E'\x1f',
        a.seq::text, extract(epoch FROM a.happened_at)::text, a.actor, a.action, a.object,
        a.detail::text), 'UTF8'));

CREATE FUNCTION chain_audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last audit;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit', 0));
    SELECT * INTO last FROM audit ORDER BY seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.happened_at := clock_timestamp();
    NEW.prev_hash := coalesce(last.hash, sha256('12320'));
    NEW.hash := audit_hash(NEW);
    RETURN NEW;
END $$;
CREATE TRIGGER chain BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT USAGE ON SCHEMA public TO hotline_audit;
GRANT INSERT (actor, action, object, detail) ON audit TO hotline_audit;
