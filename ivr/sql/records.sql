-- name: record_of_call(call_id)^
-- One call with its recording: what `python -m ivr record` shows.
SELECT call.*, recording.state AS recording_state, recording.path AS recording_path,
       recording.milliseconds, recording.sha256
FROM call
LEFT JOIN recording
    ON recording.opened_at = call.opened_at AND recording.call_id = call.call_id
    AND recording.leg = 'both'
WHERE call.opened_at = call_opened_at(:call_id) AND call.call_id = :call_id;

-- name: requests_of_call(call_id)
-- What a call was about, in the order in which it was found out.
SELECT source, position, scheme, service, code, confidence, made_at,
       settlement = 'on_the_spot' AS settled
FROM request
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY made_at, source, position;

-- name: legs_of_call(call_id)
-- The channels of a call, in the order in which they began.
SELECT *
FROM leg
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY position;

-- name: menu_steps_of_call(call_id)
-- The keys that a caller chose, in order.
SELECT *
FROM menu_step
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY position;

-- name: queue_visits_of_call(call_id)
-- A call's stays in queues, in order.
SELECT *
FROM queue_visit
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY position;

-- name: offers_of_call(call_id)
-- The agents who were rung for a call, by stay and in order.
SELECT *
FROM offer
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY visit, position;
