-- name: take_due(patience, most)
-- Take calls that are to be folded: ended ones at once, others when they have waited a moment.
-- The rows come back if the transaction does not commit.
DELETE FROM fold_due
WHERE call_id IN (
    SELECT call_id
    FROM fold_due
    WHERE due_at <= now() - CASE WHEN ended AND attempts = 0 THEN interval '0' ELSE :patience END
    ORDER BY ended DESC, due_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)
RETURNING call_id, opened_at, node, attempts;

-- name: lock_calls(call_ids)!
-- One fold of a call at a time, whoever asks for it; in one order, so that two never wait crosswise.
SELECT pg_advisory_xact_lock(hashtextextended(locked.call_id, 12320))
FROM (SELECT call_id FROM unnest(:call_ids::text[]) AS r(call_id) ORDER BY 1) AS locked;

-- name: postpone(call_ids, opened_at, nodes, attempts)!
-- A call that could not be folded is tried again later, ever more seldom, at least hourly.
INSERT INTO fold_due (call_id, opened_at, node, ended, due_at, attempts)
SELECT r.call_id, r.opened_at, r.node, true,
       now() + least(interval '1 hour', interval '10 s' * power(2, r.attempts)), r.attempts + 1
FROM unnest(:call_ids::text[], :opened_at::timestamptz[], :nodes::text[], :attempts::integer[])
    AS r(call_id, opened_at, node, attempts)
ON CONFLICT (call_id) DO UPDATE SET due_at = excluded.due_at, attempts = excluded.attempts;

-- name: lines_of_calls(opened_at, call_ids)
-- Every line of some calls. OFFSET 0 keeps the planner at one index lookup a call.
SELECT due.call_id, found.lines
FROM unnest(:opened_at::timestamptz[], :call_ids::text[]) AS due(opened_at, call_id)
CROSS JOIN LATERAL (
    SELECT lines
    FROM spool_line
    WHERE spool_line.opened_at = due.opened_at AND spool_line.call_id = due.call_id
    OFFSET 0
) AS found;

-- name: store_calls(calls)
-- Put records in place; returns the ids of those that are new or differ from what stood there.
INSERT INTO call (
    opened_at, call_id, node, boot, direction, caller, dialled, started_at, answered_at, ended_at,
    final, disposition, short, menu_path, fallback, queue, agent, wait_ms, ring_ms, talk_ms,
    hold_ms, ended_by, cause, rating_offered, rating, rating_reason, rating_exempt, attempt,
    callback_of, recorded, inexact, digest)
SELECT call_opened_at(r.call_id), r.call_id, r.node, r.boot, r.direction, r.caller, r.dialled,
       to_timestamp(r.started_ms / 1000.0), to_timestamp(r.answered_ms / 1000.0),
       to_timestamp(r.ended_ms / 1000.0), r.disposition IS NOT NULL, r.disposition, r.short,
       r.menu_path, r.fallback, r.queue, r.agent, r.wait_ms, r.ring_ms, r.talk_ms, r.hold_ms,
       r.ended_by, r.cause, r.rating_offered, r.rating, r.rating_reason, r.rating_exempt,
       r.attempt, r.callback_of, r.recorded, r.inexact, decode(r.digest, 'hex')
FROM jsonb_to_recordset(:calls::jsonb) AS r(
    call_id text, node text, boot bigint, direction text, caller text, dialled text,
    started_ms bigint, answered_ms bigint, ended_ms bigint, disposition text, short boolean,
    menu_path text, fallback text, queue text, agent text, wait_ms bigint, ring_ms bigint,
    talk_ms bigint, hold_ms bigint, ended_by text, cause integer, rating_offered boolean,
    rating smallint, rating_reason smallint, rating_exempt text, attempt text,
    callback_of text, recorded boolean, inexact boolean, digest text)
ON CONFLICT (opened_at, call_id) DO UPDATE SET
    direction = excluded.direction, caller = excluded.caller, dialled = excluded.dialled,
    started_at = excluded.started_at, answered_at = excluded.answered_at,
    ended_at = excluded.ended_at, final = excluded.final, disposition = excluded.disposition,
    short = excluded.short, menu_path = excluded.menu_path, fallback = excluded.fallback,
    queue = excluded.queue, agent = excluded.agent, wait_ms = excluded.wait_ms,
    ring_ms = excluded.ring_ms, talk_ms = excluded.talk_ms, hold_ms = excluded.hold_ms,
    ended_by = excluded.ended_by, cause = excluded.cause,
    rating_offered = excluded.rating_offered, rating = excluded.rating,
    rating_reason = excluded.rating_reason, rating_exempt = excluded.rating_exempt,
    attempt = excluded.attempt, callback_of = excluded.callback_of,
    recorded = excluded.recorded, inexact = excluded.inexact,
    digest = excluded.digest, folded_at = now()
WHERE call.digest <> excluded.digest
RETURNING call_id;

-- name: forget_parts(call_ids)!
-- Remove what hangs below changed records, before it is put in place anew.
WITH changed AS (
    SELECT call_opened_at(call_id) AS opened_at, call_id FROM unnest(:call_ids::text[]) AS r(call_id)
), no_leg AS (
    DELETE FROM leg USING changed
    WHERE leg.opened_at = changed.opened_at AND leg.call_id = changed.call_id
), no_menu_step AS (
    DELETE FROM menu_step USING changed
    WHERE menu_step.opened_at = changed.opened_at AND menu_step.call_id = changed.call_id
), no_queue_visit AS (
    DELETE FROM queue_visit USING changed
    WHERE queue_visit.opened_at = changed.opened_at AND queue_visit.call_id = changed.call_id
)
DELETE FROM offer USING changed
WHERE offer.opened_at = changed.opened_at AND offer.call_id = changed.call_id;

-- name: store_parts(legs, menu_steps, visits, offers, requests)!
-- Put in place what hangs below changed records. Requests of the menu keep their number.
WITH new_leg AS (
    INSERT INTO leg (opened_at, call_id, position, channel, kind, agent, started_at, answered_at,
                     ended_at, ring_ms, talk_ms, hold_ms, wrap_up_ms, cause)
    SELECT call_opened_at(r.call_id), r.call_id, r.position, r.channel, r.kind, r.agent,
           to_timestamp(r.started_ms / 1000.0), to_timestamp(r.answered_ms / 1000.0),
           to_timestamp(r.ended_ms / 1000.0), r.ring_ms, r.talk_ms, r.hold_ms, r.wrap_up_ms,
           r.cause
    FROM jsonb_to_recordset(:legs::jsonb) AS r(
        call_id text, position integer, channel text, kind text, agent text, started_ms bigint,
        answered_ms bigint, ended_ms bigint, ring_ms bigint, talk_ms bigint, hold_ms bigint,
        wrap_up_ms bigint, cause integer)
), new_menu_step AS (
    INSERT INTO menu_step (opened_at, call_id, position, menu, key, chosen_at)
    SELECT call_opened_at(r.call_id), r.call_id, r.position, r.menu, r.key,
           to_timestamp(r.chosen_ms / 1000.0)
    FROM jsonb_to_recordset(:menu_steps::jsonb) AS r(
        call_id text, position integer, menu text, key text, chosen_ms bigint)
), new_queue_visit AS (
    INSERT INTO queue_visit (opened_at, call_id, position, queue, priority, entered_at,
                             connected_at, left_at, wait_ms, outcome, status, agent)
    SELECT call_opened_at(r.call_id), r.call_id, r.position, r.queue, r.priority,
           to_timestamp(r.entered_ms / 1000.0), to_timestamp(r.connected_ms / 1000.0),
           to_timestamp(r.left_ms / 1000.0), r.wait_ms, r.outcome, r.status, r.agent
    FROM jsonb_to_recordset(:visits::jsonb) AS r(
        call_id text, position integer, queue text, priority integer, entered_ms bigint,
        connected_ms bigint, left_ms bigint, wait_ms bigint, outcome text, status text, agent text)
), new_offer AS (
    INSERT INTO offer (opened_at, call_id, visit, position, agent, offered_at, ended_at, ring_ms,
                       outcome)
    SELECT call_opened_at(r.call_id), r.call_id, r.visit, r.position, r.agent,
           to_timestamp(r.offered_ms / 1000.0), to_timestamp(r.ended_ms / 1000.0), r.ring_ms,
           r.outcome
    FROM jsonb_to_recordset(:offers::jsonb) AS r(
        call_id text, visit integer, position integer, agent text, offered_ms bigint,
        ended_ms bigint, ring_ms bigint, outcome text)
)
INSERT INTO request (opened_at, call_id, source, position, scheme, service, code, confidence,
                     made_at, settlement)
SELECT call_opened_at(r.call_id), r.call_id, 'menu', r.position, r.scheme, r.service, r.code,
       r.confidence, to_timestamp(r.made_ms / 1000.0),
       CASE WHEN r.settled THEN 'on_the_spot' ELSE 'open' END
FROM jsonb_to_recordset(:requests::jsonb) AS r(
    call_id text, position integer, scheme text, service text, code text, confidence real,
    made_ms bigint, settled boolean)
ON CONFLICT (opened_at, call_id, source, position) DO UPDATE SET
    scheme = excluded.scheme, service = excluded.service, code = excluded.code,
    confidence = excluded.confidence, made_at = excluded.made_at,
    settlement = excluded.settlement;
