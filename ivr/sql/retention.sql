-- name: recordings_to_judge(node, outbound_before, others_before, after_opened_at, after_call_id, after_leg, most)
-- Kept recordings that may be old enough to go, the oldest first, beginning after a place.
SELECT recording.opened_at, recording.call_id, recording.leg, recording.bytes, recording.sha256,
       recording.path, call.ended_at, call.direction,
       ARRAY(SELECT queue FROM queue_visit
             WHERE queue_visit.opened_at = call.opened_at AND queue_visit.call_id = call.call_id
             UNION SELECT queue FROM message
             WHERE message.opened_at = call.opened_at AND message.call_id = call.call_id) AS queues,
       EXISTS (SELECT FROM recording_hold
               WHERE recording_hold.opened_at = call.opened_at
                   AND recording_hold.call_id = call.call_id AND released_at IS NULL) AS held
FROM recording
JOIN call ON call.opened_at = recording.opened_at AND call.call_id = recording.call_id
WHERE recording.state = 'kept' AND call.node = :node AND call.ended_at IS NOT NULL
    AND recording.opened_at < greatest(:outbound_before::timestamptz, :others_before::timestamptz)
    AND recording.opened_at < CASE call.direction WHEN 'outbound' THEN :outbound_before::timestamptz
                                   ELSE :others_before::timestamptz END
    AND (recording.opened_at, recording.call_id, recording.leg)
        > (:after_opened_at::timestamptz, :after_call_id::text, :after_leg::text)
ORDER BY recording.opened_at, recording.call_id, recording.leg
LIMIT :most;

-- name: lock_recorded_call(call_id)$
-- Holds and deletions of one call wait for each other; gives its id if there is such a call.
SELECT call_id FROM call
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
FOR UPDATE;

-- name: call_is_held(call_id)$
-- Whether a legal hold is on a call now.
SELECT EXISTS (SELECT FROM recording_hold
               WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
                   AND released_at IS NULL);

-- name: delete_recording(call_id, leg)$
-- Say that the sound is gone; the row stays. Gives NULL when there is none to delete.
UPDATE recording SET state = 'deleted', deleted_at = now(), peaks = NULL
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND leg = :leg
    AND state = 'kept'
RETURNING call_id;

-- name: forget_transcript(call_id)$
-- Take away what a recogniser wrote down of a message; gives how many characters that was, NULL
-- when there was nothing.
WITH forgotten AS (
    SELECT opened_at, call_id, length(transcript) AS characters
    FROM message
    WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND transcript IS NOT NULL
)
UPDATE message SET transcript = NULL
FROM forgotten
WHERE message.opened_at = forgotten.opened_at AND message.call_id = forgotten.call_id
RETURNING forgotten.characters;

-- name: recordings_unremoved(node, after_opened_at, after_call_id, after_leg, most)
-- Deleted recordings whose files have not been seen to be gone, beginning after a place.
SELECT recording.*
FROM recording
JOIN call ON call.opened_at = recording.opened_at AND call.call_id = recording.call_id
WHERE recording.state = 'deleted' AND recording.removed_at IS NULL AND call.node = :node
    AND (recording.opened_at, recording.call_id, recording.leg)
        > (:after_opened_at::timestamptz, :after_call_id::text, :after_leg::text)
ORDER BY recording.opened_at, recording.call_id, recording.leg
LIMIT :most;

-- name: mark_removed(call_id, leg)!
-- The files of a deleted recording are gone.
UPDATE recording SET removed_at = now()
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND leg = :leg
    AND state = 'deleted' AND removed_at IS NULL;

-- name: set_hold(call_id, reason, person)$
-- Put a legal hold on a call; gives NULL when one is on it already.
INSERT INTO recording_hold (opened_at, call_id, reason, set_by)
VALUES (call_opened_at(:call_id), :call_id, :reason, :person)
ON CONFLICT (opened_at, call_id) WHERE released_at IS NULL DO NOTHING
RETURNING hold_id;

-- name: release_hold(call_id, reason, person)$
-- Take the legal hold off a call; gives NULL when there is none.
UPDATE recording_hold
SET released_at = now(), released_by = :person, release_reason = :reason
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND released_at IS NULL
RETURNING hold_id;

-- name: write_certificate(actor, action, object, detail)!
-- A row of the hash-chained audit, in the transaction of what it certifies.
INSERT INTO audit (actor, action, object, detail) VALUES (:actor, :action, :object, :detail::jsonb);

-- name: recordings_to_move(node, after_opened_at, after_call_id, after_leg, passed_over, most)
-- Sealed recordings that still lie on the machine's own disk, the oldest first, beginning after a
-- place, without those of which a file is ill, as `<call id>/<leg>`.
SELECT recording.*
FROM recording
JOIN call ON call.opened_at = recording.opened_at AND call.call_id = recording.call_id
WHERE recording.state = 'kept' AND recording.storage = 'local' AND recording.key_id IS NOT NULL
    AND call.node = :node
    AND (recording.opened_at, recording.call_id, recording.leg)
        > (:after_opened_at::timestamptz, :after_call_id::text, :after_leg::text)
    AND recording.call_id || '/' || recording.leg <> ALL (:passed_over::text[])
ORDER BY recording.opened_at, recording.call_id, recording.leg
LIMIT :most;

-- name: move_recording(call_id, leg, path, key_id)$
-- Say that a recording lies in the object store, if it is still the one that was uploaded.
UPDATE recording SET storage = 's3'
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND leg = :leg
    AND state = 'kept' AND storage = 'local' AND path = :path AND key_id = :key_id
RETURNING call_id;

-- name: recordings_to_reseal(node, key_id, after_opened_at, after_call_id, after_leg, most)
-- Recordings that are sealed with another key, or not at all, beginning after a place.
SELECT recording.*
FROM recording
JOIN call ON call.opened_at = recording.opened_at AND call.call_id = recording.call_id
WHERE recording.state = 'kept' AND recording.key_id IS DISTINCT FROM :key_id AND call.node = :node
    AND (recording.opened_at, recording.call_id, recording.leg)
        > (:after_opened_at::timestamptz, :after_call_id::text, :after_leg::text)
ORDER BY recording.opened_at, recording.call_id, recording.leg
LIMIT :most;

-- name: reseal_recording(call_id, leg, path_before, storage, path, key_id, peaks)$
-- Say that a recording is sealed with another key, if nothing else has become of it meanwhile.
UPDATE recording SET path = :path, key_id = :key_id, peaks = coalesce(peaks, :peaks)
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND leg = :leg
    AND state = 'kept' AND path = :path_before AND storage = :storage
RETURNING call_id;
