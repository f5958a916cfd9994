-- name: spoke_in_call(call_id, person)$
-- Whether somebody spoke with the caller: only then is the conversation also his.
SELECT EXISTS (
    SELECT FROM leg
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND agent = :person
        AND talk_ms > 0);

-- name: message_is_open_to(call_id, person, queues)$
-- Whether a message waits for anybody of these queues, or is in the hands of this person.
SELECT EXISTS (
    SELECT FROM message
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
        AND (state = 'new' AND queue = ANY (:queues::text[])
             OR (state IN ('taken', 'done') AND taken_by = :person)));

-- name: recordings_to_hear(call_id)
-- All recordings of a call, and whether a legal hold is on it.
SELECT recording.*,
       EXISTS (SELECT FROM recording_hold
               WHERE recording_hold.opened_at = recording.opened_at
                   AND recording_hold.call_id = recording.call_id
                   AND released_at IS NULL) AS held
FROM recording
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
ORDER BY leg;

-- name: recording_is_paused(call_id)$
-- Whether the journal says by now that a call's recording is paused.
SELECT coalesce(sum(regexp_count(lines, '"eventtype":"RECORDING_PAUSED"')
                    - regexp_count(lines, '"eventtype":"RECORDING_RESUMED"')), 0) > 0
FROM spool_line
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id;
