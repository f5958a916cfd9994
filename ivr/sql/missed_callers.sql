-- name: note_missed(missed, within)!
-- List callers who gave up not longer ago than that, also when history is folded again; one open
-- entry a number, and nothing that is older than what people have dealt with or than a talk with an
-- agent. Who has a ticket is called back anyhow.
INSERT INTO missed_caller (number, queue, reason, call_id, waited_ms, missed_at)
SELECT DISTINCT ON (given_up.number) given_up.number, given_up.queue, 'abandoned',
       given_up.call_id, given_up.wait_ms, given_up.missed_at
FROM (SELECT citizen_number(r.caller) AS number, r.caller, r.queue, r.call_id, r.wait_ms,
             to_timestamp(r.ended_ms / 1000.0) AS missed_at
      FROM jsonb_to_recordset(:missed::jsonb) AS r(
          caller text, queue text, call_id text, wait_ms bigint, ended_ms bigint)) AS given_up
WHERE given_up.number IS NOT NULL AND given_up.missed_at > now() - :within::interval
    AND NOT EXISTS (SELECT 1 FROM callback_ticket AS t
                    WHERE t.number = given_up.number AND t.state IN ('waiting', 'calling'))
    AND NOT EXISTS (SELECT 1 FROM missed_caller AS m
                    WHERE m.number = given_up.number AND m.missed_at >= given_up.missed_at)
    AND NOT EXISTS (SELECT 1 FROM call AS c
                    JOIN queue_visit AS v ON v.opened_at = c.opened_at AND v.call_id = c.call_id
                    WHERE c.caller IN (given_up.caller, given_up.number)
                        AND c.opened_at > given_up.missed_at - interval '1 day'
                        AND v.outcome = 'answered' AND v.connected_at > given_up.missed_at)
ORDER BY given_up.number, given_up.missed_at DESC
ON CONFLICT (number) WHERE state = 'open' DO UPDATE SET
    queue = excluded.queue, call_id = excluded.call_id, waited_ms = excluded.waited_ms,
    missed_at = excluded.missed_at;

-- name: close_missed(answered)!
-- Whoever has spoken with us since he gave up is missed no longer.
UPDATE missed_caller
SET state = said.outcome, closed_at = said.at, claimed_by = NULL, claimed_until = NULL
FROM (SELECT DISTINCT ON (1) citizen_number(r.number) AS number, r.outcome,
             to_timestamp(r.at_ms / 1000.0) AS at
      FROM jsonb_to_recordset(:answered::jsonb) AS r(number text, outcome text, at_ms bigint)
      ORDER BY 1, r.at_ms DESC) AS said
WHERE missed_caller.number = said.number AND missed_caller.state = 'open'
    AND missed_caller.missed_at < said.at;

-- name: hand_to_people(ticket_id, reason)!
-- A ticket that ended in vain goes on the list.
INSERT INTO missed_caller (number, queue, reason, call_id, waited_ms, missed_at)
SELECT number, queue, :reason, call_id,
       greatest(0, extract(epoch FROM booked_at - entered_at) * 1000)::bigint, closed_at
FROM callback_ticket
WHERE ticket_id = :ticket_id AND closed_at IS NOT NULL
ON CONFLICT (number) WHERE state = 'open' DO UPDATE SET
    reason = excluded.reason, queue = excluded.queue, call_id = excluded.call_id,
    missed_at = greatest(missed_caller.missed_at, excluded.missed_at);

-- name: take_from_people(ticket_id)!
-- A ticket that ended in vain did not: off the list, unless somebody calls for it now.
UPDATE missed_caller
SET state = 'called', closed_at = now(), claimed_by = NULL, claimed_until = NULL
FROM callback_ticket
WHERE ticket_id = :ticket_id AND missed_caller.state = 'open'
    AND missed_caller.reason = 'not_reached' AND missed_caller.call_id = callback_ticket.call_id
    AND (claimed_until IS NULL OR claimed_until <= now());

-- name: missed_open(queues, most, within)
-- The work list of some queues, who gave up last first: he is still at his telephone. Who gave up
-- longer ago than that is not called any more; whom we promised to call is.
SELECT missed_id, number, queue, reason, call_id, waited_ms, missed_at,
       CASE WHEN claimed_until > now() THEN claimed_by END AS claimed_by, claimed_until
FROM missed_caller
WHERE state = 'open' AND queue = ANY (:queues::text[])
    AND (reason <> 'abandoned' OR missed_at > now() - :within::interval)
ORDER BY missed_at DESC, missed_id
LIMIT :most;

-- name: claim_missed(missed_id, agent, seconds, queues)^
-- One agent of these queues (NULL: of any) is to call; until the lease is over nobody else may.
-- Gives whom.
UPDATE missed_caller
SET claimed_by = :agent, claimed_until = now() + make_interval(secs => :seconds::double precision)
WHERE missed_id = :missed_id AND state = 'open'
    AND (claimed_by IS NULL OR claimed_by = :agent OR claimed_until <= now())
    AND (:queues::text[] IS NULL OR queue = ANY (:queues::text[]))
RETURNING number;

-- name: release_missed(missed_id, agent)!
-- The agent does not call after all.
UPDATE missed_caller
SET claimed_by = NULL, claimed_until = NULL
WHERE missed_id = :missed_id AND state = 'open' AND claimed_by = :agent;

-- name: finish_missed(missed_id, agent, outcome)!
-- The agent who holds the claim has called, or was told not to.
UPDATE missed_caller
SET state = :outcome, closed_at = now(), claimed_by = NULL, claimed_until = NULL
WHERE missed_id = :missed_id AND state = 'open' AND claimed_by = :agent AND claimed_until > now();
