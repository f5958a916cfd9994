-- name: had_the_call(call_id, person)$
-- Whether a call is somebody's: he answered it, spoke in it, it rang for him, or he took the
-- message or the missed call that it left. The record of a call that has just ended may lag behind
-- what his presence says of him.
SELECT EXISTS (
    SELECT FROM call
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND agent = :person
) OR EXISTS (
    SELECT FROM leg
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND agent = :person
) OR EXISTS (
    SELECT FROM presence_log
    WHERE person = :person AND until IS NULL AND call_id = :call_id
      AND state IN ('talking', 'wrap_up')
) OR EXISTS (
    SELECT FROM offer
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND agent = :person
      AND outcome IN ('ringing', 'connected')
) OR EXISTS (
    SELECT FROM message
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND taken_by = :person
) OR EXISTS (
    SELECT FROM missed_caller
    WHERE call_id = :call_id AND claimed_by = :person AND claimed_until > now()
);

-- name: who_spoke_in(call_id)
-- The agents who have spoken in a call.
SELECT DISTINCT agent FROM leg
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND agent IS NOT NULL
  AND talk_ms > 0
ORDER BY agent;

-- name: lock_form(call_id)!
-- One save of a call's form at a time; the same lock as the fold of its record.
SELECT pg_advisory_xact_lock(hashtextextended(:call_id, 12320));

-- name: call_is_recorded(call_id)$
-- Whether the call has a row that a request can hang on.
SELECT EXISTS (
    SELECT FROM call WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id);

-- name: add_request(call_id, scheme, code, settlement)^
-- One more request of a call, written by a person.
INSERT INTO request (opened_at, call_id, source, position, scheme, service, code, confidence,
                     made_at, settlement)
SELECT call_opened_at(:call_id), :call_id, 'agent',
       coalesce((SELECT max(position) FROM request_version WHERE call_id = :call_id), 0) + 1,
       :scheme, left(:code, 1), :code, 1, now(), :settlement
RETURNING request_id, position;

-- name: file_request_again(call_id, position, scheme, code, settlement)!
-- A corrected request is counted where it belongs now.
UPDATE request
SET scheme = :scheme, service = left(:code, 1), code = :code, settlement = :settlement
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND source = 'agent'
  AND position = :position;

-- name: uncount_request(call_id, position)!
-- A withdrawn request is counted no more; what was written of it stays.
DELETE FROM request
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND source = 'agent'
  AND position = :position;

-- name: write_version(request_id, version, call_id, position, scheme, content, written_by, reason)!
-- What was written of a request; earlier versions stay.
INSERT INTO request_version
    (request_id, version, call_id, position, scheme, code, settlement, transferred_to, note, region,
     red_flags, risk, suspected_event, articles, withdrawn, written_by, reason)
SELECT :request_id, :version, :call_id, :position, :scheme, c.code, c.settlement, c.transferred_to,
       c.note, c.region, c.red_flags, c.risk, c.suspected_event, c.articles, c.withdrawn,
       :written_by, :reason
FROM jsonb_to_record(:content::jsonb) AS c(
    code text, settlement text, transferred_to text, note text, region text, red_flags text[],
    risk jsonb, suspected_event boolean, articles bigint[], withdrawn boolean);

-- name: requests_in_force(call_id)
-- What people wrote of a call's requests, the newest version of each.
SELECT DISTINCT ON (request_id)
    request_id, version, call_id, position, scheme, code, settlement, transferred_to, note, region,
    red_flags, risk, suspected_event, articles, withdrawn, written_by, written_at, reason
FROM request_version
WHERE call_id = :call_id
ORDER BY request_id, version DESC;

-- name: versions_of_request(request_id)
-- Everything that was ever written of a request, the newest first.
SELECT request_id, version, call_id, position, scheme, code, settlement, transferred_to, note,
       region, red_flags, risk, suspected_event, articles, withdrawn, written_by, written_at, reason
FROM request_version
WHERE request_id = :request_id
ORDER BY version DESC;
