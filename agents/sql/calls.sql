-- name: call_at_a_glance(call_id)^
-- What is known of a call, be it going on or over.
SELECT call_id, opened_at, direction, caller, dialled, started_at, answered_at, ended_at, final, disposition,
       menu_path, queue, agent, wait_ms, talk_ms,
       EXISTS (SELECT FROM callback_attempt WHERE attempt_id = :call_id) AS called_back
FROM call
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id;

-- name: keys_of_call(call_id)
-- The keys that the caller pressed, in order.
SELECT menu, key, chosen_at
FROM menu_step
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY position;

-- name: priority_of_call(call_id)$
-- With which priority the call entered its last queue.
SELECT priority
FROM queue_visit
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY position DESC
LIMIT 1;

-- name: presets_of_call(call_id)
-- What the menu took the call to be about.
SELECT scheme, code, confidence
FROM request
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND source = 'menu'
ORDER BY position;

-- name: earlier_calls(caller, call_id, most)
-- A caller's other calls, the last one first, with what agents wrote of them.
SELECT call.call_id, call.started_at, call.direction, call.disposition, call.queue, call.agent,
       call.talk_ms,
       coalesce(written.requests, '[]'::jsonb) AS requests
FROM (
    SELECT * FROM call
    WHERE caller = :caller AND caller <> '' AND call_id <> :call_id
    ORDER BY opened_at DESC
    LIMIT :most
) AS call
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'request_id', last.request_id, 'code', last.code, 'scheme', last.scheme,
               'settlement', last.settlement, 'suspected_event', last.suspected_event,
               'risk', last.risk ->> 'level')
           ORDER BY last.position) AS requests
    FROM (
        SELECT DISTINCT ON (request_id) *
        FROM request_version WHERE request_version.call_id = call.call_id
        ORDER BY request_id, version DESC
    ) AS last
    WHERE NOT last.withdrawn
) AS written ON true
ORDER BY call.opened_at DESC;

-- name: waiting_for_caller(caller)
-- What is still to be done for a caller: messages, call-backs, missed calls.
SELECT 'message' AS kind, message.call_id, message.state, message.left_at AS since
FROM message
JOIN call ON call.opened_at = message.opened_at AND call.call_id = message.call_id
WHERE call.caller = :caller AND :caller <> '' AND message.state IN ('new', 'taken')
  AND call.opened_at > now() - interval '90 days'
UNION ALL
SELECT 'missed', call_id, state, missed_at
FROM missed_caller
WHERE number = citizen_number(:caller) AND state = 'open'
UNION ALL
SELECT 'callback', call_id, state, booked_at
FROM callback_ticket
WHERE number = citizen_number(:caller) AND state IN ('waiting', 'calling');

-- name: number_of_call(call_id)$
-- The citizen's number, whole: he called us, or we him.
SELECT CASE WHEN direction = 'outbound' THEN dialled ELSE caller END AS number FROM call
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id;
