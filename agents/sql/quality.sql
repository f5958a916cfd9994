-- name: keep_quality(call_id, person, part, codec, seconds, received, lost, jitter_ms, jitter_most_ms, round_trip_ms, round_trip_most_ms)!
-- What a browser measured of its part of a call so far; what came late does not replace what is newer.
INSERT INTO call_quality (
    call_id, person, part, codec, seconds, received, lost, jitter_ms, jitter_most_ms,
    round_trip_ms, round_trip_most_ms)
VALUES (
    :call_id, :person, :part, :codec, :seconds, :received, :lost, :jitter_ms, :jitter_most_ms,
    :round_trip_ms, :round_trip_most_ms)
ON CONFLICT (call_id, person, part) DO UPDATE SET
    codec = excluded.codec, seconds = excluded.seconds, received = excluded.received,
    lost = excluded.lost, jitter_ms = excluded.jitter_ms, jitter_most_ms = excluded.jitter_most_ms,
    round_trip_ms = excluded.round_trip_ms, round_trip_most_ms = excluded.round_trip_most_ms,
    told_at = now()
WHERE excluded.seconds >= call_quality.seconds;

-- name: quality_of_call(call_id)
-- How a call sounded, each part of it, the first one first.
SELECT person, part, codec, seconds, received, lost, jitter_ms, jitter_most_ms, round_trip_ms,
       round_trip_most_ms, told_at
FROM call_quality
WHERE call_id = :call_id
ORDER BY told_at, person, part;

-- name: parts_of_call(call_id, person)$
-- How many parts of a call somebody's browser has told of.
SELECT count(*) FROM call_quality WHERE call_id = :call_id AND person = :person;

-- name: forget_quality(age)!
-- Forget what was measured longer ago.
DELETE FROM call_quality WHERE told_at < now() - :age::interval;
