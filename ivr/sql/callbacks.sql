-- name: store_bookings(bookings)!
-- Make a ticket of each booking, unless its number has an open one for that queue; once a call.
INSERT INTO callback_ticket (opened_at, call_id, node, number, queue, urgency, entered_at, booked_at,
                             due_at)
SELECT call_opened_at(r.call_id), r.call_id, r.node, r.number, r.queue, least(r.urgency, 30),
       to_timestamp(r.entered_ms / 1000.0), to_timestamp(r.booked_ms / 1000.0),
       to_timestamp(r.booked_ms / 1000.0)
FROM jsonb_to_recordset(:bookings::jsonb) AS r(
    call_id text, node text, number text, queue text, urgency smallint, entered_ms bigint,
    booked_ms bigint)
WHERE citizen_number(r.number) = r.number
ORDER BY r.booked_ms, r.call_id
ON CONFLICT DO NOTHING;

-- name: store_merged_bookings(bookings)!
-- Bookings that made no ticket of their own: closed at once, because an earlier one counts.
INSERT INTO callback_ticket (opened_at, call_id, node, number, queue, urgency, entered_at, booked_at,
                             due_at, state, closed_at)
SELECT call_opened_at(r.call_id), r.call_id, r.node, r.number, r.queue, least(r.urgency, 30),
       to_timestamp(r.entered_ms / 1000.0), to_timestamp(r.booked_ms / 1000.0),
       to_timestamp(r.booked_ms / 1000.0), 'merged', to_timestamp(r.booked_ms / 1000.0)
FROM jsonb_to_recordset(:bookings::jsonb) AS r(
    call_id text, node text, number text, queue text, urgency smallint, entered_ms bigint,
    booked_ms bigint)
WHERE citizen_number(r.number) = r.number
ON CONFLICT (opened_at, call_id) DO NOTHING;

-- name: bookings_of_call(call_id)
-- What a caller booked instead of waiting.
SELECT queue, urgency, number, entered_at, booked_at
FROM callback_ticket
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id;

-- name: tickets_of_served(callers, served_ms)
-- Open tickets of callers who spoke with an agent after they had booked; locked.
SELECT ticket_id, state, tries, due_at, booked_at, closed_at,
       to_timestamp(served.at_ms / 1000.0) AS happened_at
FROM (SELECT citizen_number(r.caller) AS number, max(r.at_ms) AS at_ms
      FROM unnest(:callers::text[], :served_ms::bigint[]) AS r(caller, at_ms)
      GROUP BY 1) AS served
JOIN callback_ticket USING (number)
WHERE state IN ('waiting', 'calling') AND booked_at < to_timestamp(served.at_ms / 1000.0)
ORDER BY ticket_id
FOR UPDATE OF callback_ticket;

-- name: save_ticket(ticket_id, state, tries, due_at, closed_at)!
-- Put a ticket where the rules have it.
UPDATE callback_ticket
SET state = :state, tries = :tries, due_at = :due_at, closed_at = :closed_at
WHERE ticket_id = :ticket_id;

-- name: resolve_attempts(results)!
-- What the journal shows of attempts; whether the citizen himself has answered, an agent may know better.
-- One that the database has forgotten (it failed over to an older copy of itself) is put back.
INSERT INTO callback_attempt (attempt_id, ticket_id, round, not_after, dialled_at, outcome,
                              resolved_at)
SELECT r.attempt_id, t.ticket_id,
       1 + (SELECT coalesce(max(round), 0) FROM callback_attempt AS a
            WHERE a.ticket_id = t.ticket_id AND a.attempt_id <> r.attempt_id),
       to_timestamp(r.ended_ms / 1000.0),
       CASE WHEN r.outcome <> 'withdrawn' THEN to_timestamp(r.ended_ms / 1000.0) END,
       r.outcome, to_timestamp(r.ended_ms / 1000.0)
FROM jsonb_to_recordset(:results::jsonb) AS r(
    attempt_id text, callback_of text, outcome text, ended_ms bigint)
JOIN callback_ticket AS t
    ON t.opened_at = call_opened_at(r.callback_of) AND t.call_id = r.callback_of
ON CONFLICT (attempt_id) DO UPDATE SET
    outcome = CASE WHEN excluded.outcome = 'answered'
                       AND callback_attempt.not_reached_by IS NOT NULL
                   THEN 'machine' ELSE excluded.outcome END,
    resolved_at = excluded.resolved_at
WHERE callback_attempt.outcome IS NULL;

-- name: due_tickets(node, queues, most)
-- Tickets of queues that are open which may be placed, the first in line first; locked. Whoever is on
-- the line with us at this moment is left alone.
SELECT ticket_id, call_id, queue, urgency, entered_at, state, tries, due_at, booked_at, closed_at,
       on_do_not_call(number) AS forbidden
FROM callback_ticket
WHERE node = :node AND state = 'waiting' AND due_at <= now() AND queue = ANY (:queues::text[])
    AND NOT EXISTS (SELECT 1 FROM callback_attempt
                    WHERE callback_attempt.ticket_id = callback_ticket.ticket_id
                        AND outcome IS NULL)
    AND NOT EXISTS (SELECT 1 FROM call
                    WHERE NOT final AND callback_ticket.number
                          IN (citizen_number(call.caller), citizen_number(call.dialled)))
ORDER BY urgency / 10 DESC, entered_at, ticket_id
LIMIT :most
FOR UPDATE OF callback_ticket SKIP LOCKED;

-- name: commit_attempt(ticket_id, node, boot, seconds)^
-- Write an intent down before it is acted upon; its id will be the channel's.
INSERT INTO callback_attempt (attempt_id, ticket_id, round, not_after)
SELECT format('%s-%s-%s.c%s', :node::text, :boot::bigint, floor(extract(epoch FROM now()))::bigint,
              nextval('callback_attempt_number')),
       :ticket_id, 1 + coalesce(max(round), 0),
       now() + make_interval(secs => :seconds::double precision)
FROM callback_attempt
WHERE ticket_id = :ticket_id
RETURNING attempt_id, not_after;

-- name: attempts_open(node)$
-- How many place holders may be in Asterisk now.
SELECT count(*)
FROM callback_attempt
JOIN callback_ticket USING (ticket_id)
WHERE node = :node AND outcome IS NULL;

-- name: give_number(attempt_id)^
-- Whom to ring for an attempt: told once, and only while the ticket is open, nobody forbade it,
-- and the citizen is not on the line with us already.
UPDATE callback_attempt
SET dialled_at = now()
FROM callback_ticket
WHERE attempt_id = :attempt_id AND dialled_at IS NULL AND outcome IS NULL
    AND callback_ticket.ticket_id = callback_attempt.ticket_id
    AND callback_ticket.state = 'calling'
    AND NOT on_do_not_call(callback_ticket.number)
    AND NOT EXISTS (SELECT 1 FROM call
                    WHERE NOT final AND call.call_id <> :attempt_id AND callback_ticket.number
                          IN (citizen_number(call.caller), citizen_number(call.dialled)))
RETURNING callback_ticket.number, callback_ticket.queue;

-- name: tickets_to_move(node)
-- Tickets whose last attempt is over; locked.
SELECT ticket_id, state, tries, due_at, booked_at, closed_at, last.outcome AS happening,
       last.resolved_at AS happened_at
FROM callback_ticket
CROSS JOIN LATERAL (
    SELECT outcome, resolved_at
    FROM callback_attempt
    WHERE callback_attempt.ticket_id = callback_ticket.ticket_id
    ORDER BY round DESC
    LIMIT 1
) AS last
WHERE node = :node AND state = 'calling' AND last.outcome IS NOT NULL
ORDER BY ticket_id
FOR UPDATE OF callback_ticket SKIP LOCKED;

-- name: tickets_overdue(node, booked_before)
-- Open tickets that were booked too long ago and of which nothing is going on; locked.
SELECT ticket_id, state, tries, due_at, booked_at, closed_at, 'overdue' AS happening,
       now() AS happened_at
FROM callback_ticket
WHERE node = :node AND state IN ('waiting', 'calling') AND booked_at < :booked_before
    AND NOT EXISTS (SELECT 1 FROM callback_attempt
                    WHERE callback_attempt.ticket_id = callback_ticket.ticket_id
                        AND outcome IS NULL AND intended_at > now() - interval '1 day')
ORDER BY ticket_id
FOR UPDATE SKIP LOCKED;

-- name: withdraw_untraced(node, seconds)
-- Attempts that Asterisk must have refused by now and of which the journal knows nothing. Should a
-- place holder be there all the same: it is given no number any more.
UPDATE callback_attempt
SET outcome = 'withdrawn', resolved_at = now()
FROM callback_ticket
WHERE callback_ticket.ticket_id = callback_attempt.ticket_id AND node = :node
    AND outcome IS NULL AND dialled_at IS NULL
    AND not_after < now() - make_interval(secs => :seconds::double precision)
    AND NOT EXISTS (SELECT 1 FROM call
                    WHERE call.opened_at = call_opened_at(attempt_id) AND call_id = attempt_id)
RETURNING attempt_id;

-- name: attempts_in_vain(node)
-- Place holders whose ticket was closed meanwhile: nobody needs to be rung for them.
SELECT attempt_id
FROM callback_attempt
JOIN callback_ticket USING (ticket_id)
WHERE node = :node AND outcome IS NULL AND dialled_at IS NULL
    AND state NOT IN ('waiting', 'calling');

-- name: lock_rung_attempt(attempt_id, seconds)^
-- A call of ours that rang outside and goes on, or was answered and ended lately; locked. Its ticket
-- is locked after it, as the ledger does.
SELECT ticket_id, outcome, resolved_at
FROM callback_attempt
WHERE attempt_id = :attempt_id AND dialled_at IS NOT NULL
    AND (outcome IS NULL
         OR (outcome IN ('answered', 'machine')
             AND resolved_at > now() - make_interval(secs => :seconds::double precision)))
FOR UPDATE;

-- name: note_machine(attempt_id, person)!
-- An agent says that not the citizen has answered. What the journal has not settled stays open; what a
-- ledger of the release before has settled without knowing that he said so becomes what he says.
UPDATE callback_attempt
SET not_reached_by = coalesce(not_reached_by, :person),
    outcome = CASE WHEN outcome = 'answered' THEN 'machine' ELSE outcome END
WHERE attempt_id = :attempt_id AND (not_reached_by IS NULL OR outcome = 'answered');

-- name: settle_as_said(node)!
-- Attempts that a ledger of the release before has settled without knowing what their agents said.
UPDATE callback_attempt
SET outcome = 'machine'
FROM callback_ticket
WHERE callback_ticket.ticket_id = callback_attempt.ticket_id AND node = :node
    AND state = 'calling' AND outcome = 'answered' AND not_reached_by IS NOT NULL;

-- name: lock_noted_attempt(attempt_id, seconds)^
-- A call of ours of which an agent has said that not the citizen answered, and which goes on or ended
-- lately; locked. Its ticket is locked after it, as the ledger does.
SELECT ticket_id, outcome
FROM callback_attempt
WHERE attempt_id = :attempt_id AND not_reached_by IS NOT NULL
    AND (outcome IS NULL
         OR (outcome IN ('answered', 'machine')
             AND resolved_at > now() - make_interval(secs => :seconds::double precision)))
FOR UPDATE;

-- name: forget_machine(attempt_id)!
-- He takes it back: it was the citizen.
UPDATE callback_attempt
SET not_reached_by = NULL,
    outcome = CASE WHEN outcome = 'machine' THEN 'answered' ELSE outcome END
WHERE attempt_id = :attempt_id;

-- name: was_last_attempt(attempt_id)$
-- Whether nobody has been, or is being, called once more for the ticket of an attempt.
SELECT NOT EXISTS (SELECT FROM callback_attempt AS later
                   WHERE later.ticket_id = attempt.ticket_id AND later.round > attempt.round)
FROM callback_attempt AS attempt
WHERE attempt_id = :attempt_id;

-- name: lock_ticket(ticket_id)^
-- A ticket, and whether its citizen has booked again since; locked.
SELECT ticket_id, state, tries, due_at, booked_at, closed_at,
       EXISTS (SELECT 1 FROM callback_ticket AS other
               WHERE other.number = callback_ticket.number AND other.queue = callback_ticket.queue
                   AND other.ticket_id <> callback_ticket.ticket_id
                   AND other.state IN ('waiting', 'calling')) AS booked_again
FROM callback_ticket
WHERE ticket_id = :ticket_id
FOR UPDATE;
