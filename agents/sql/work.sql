-- name: day_of_agent(person, since)^
-- What somebody has done since the morning, by the records of calls and what he wrote.
SELECT (SELECT count(DISTINCT call_id) FROM leg
        WHERE opened_at >= :since AND agent = :person AND answered_at IS NOT NULL) AS calls,
       (SELECT coalesce(sum(talk_ms), 0)::bigint FROM leg
        WHERE opened_at >= :since AND agent = :person) AS talk_ms,
       (SELECT count(*) FROM offer
        WHERE opened_at >= :since AND agent = :person
          AND outcome IN ('no_answer', 'declined')) AS unanswered,
       (SELECT count(*) FROM request_version
        WHERE written_by = :person AND written_at >= :since AND version = 1) AS requests,
       (SELECT count(*) FROM draft WHERE person = :person) AS drafts;

-- name: stays_of_agent(person, since)
-- How long somebody was seen in which state since the morning, in seconds.
SELECT state, sum(extract(epoch FROM coalesce(until, now()) - greatest(since, :since)))::bigint
           AS seconds
FROM presence_log
WHERE person = :person AND coalesce(until, now()) > :since
GROUP BY state
ORDER BY state;

-- name: calls_of_agent(person, since, most)
-- The calls that somebody spoke in, the last one first, and whether their form was saved.
SELECT DISTINCT call.call_id, call.started_at, call.direction,
       CASE WHEN call.direction = 'outbound' THEN call.dialled ELSE call.caller END AS caller,
       call.queue, call.talk_ms,
       EXISTS (SELECT FROM request_version AS v WHERE v.call_id = call.call_id) AS saved
FROM leg
JOIN call ON call.opened_at = leg.opened_at AND call.call_id = leg.call_id
WHERE leg.opened_at >= :since AND leg.agent = :person AND leg.answered_at IS NOT NULL
ORDER BY call.started_at DESC
LIMIT :most;

-- name: has_rung(call_id)$
-- Whether a call is a call-back for which a number was given out.
SELECT EXISTS (
    SELECT FROM callback_attempt WHERE attempt_id = :call_id AND dialled_at IS NOT NULL);

-- name: talked_in(call_id, person)$
-- Whether somebody spoke in a call: by its record, or by his presence while that lags behind. Whose
-- telephone only rang did not.
SELECT EXISTS (
    SELECT FROM leg
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND agent = :person
      AND talk_ms > 0
) OR EXISTS (
    SELECT FROM presence_log
    WHERE person = :person AND until IS NULL AND call_id = :call_id
      AND state IN ('talking', 'wrap_up')
);

-- name: was_not_reached(call_id)$
-- Whether an agent has said that a call-back met a machine, or somebody else.
SELECT EXISTS (
    SELECT FROM callback_attempt WHERE attempt_id = :call_id AND not_reached_by IS NOT NULL);

-- name: callbacks_due(queues, most)
-- Promises to call back that are not kept yet, the one that is due first first.
SELECT call_id, number, queue, state, tries, booked_at, due_at
FROM callback_ticket
WHERE state IN ('waiting', 'calling') AND queue = ANY (:queues::text[])
ORDER BY due_at, ticket_id
LIMIT :most;
