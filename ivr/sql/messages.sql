-- name: store_messages(messages)!
-- Put messages on the work list as their calls are folded; what people did with them stays.
INSERT INTO message (opened_at, call_id, queue, urgent, left_at, length_ms, state)
SELECT call_opened_at(r.call_id), r.call_id, r.queue, r.urgent, to_timestamp(r.left_ms / 1000.0),
       r.length_ms, CASE WHEN r.counts THEN 'new' ELSE 'discarded' END
FROM jsonb_to_recordset(:messages::jsonb) AS r(
    call_id text, queue text, urgent boolean, left_ms bigint, length_ms bigint, counts boolean)
ON CONFLICT (opened_at, call_id) DO UPDATE SET
    queue = excluded.queue, urgent = excluded.urgent, left_at = excluded.left_at,
    length_ms = excluded.length_ms,
    state = CASE WHEN message.state IN ('new', 'discarded') THEN excluded.state
                 ELSE message.state END;

-- name: messages_of_call(call_id)
-- What a caller said after the tone.
SELECT queue, urgent, left_at, length_ms
FROM message
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id;

-- name: messages_waiting(queues, most, lease)
-- The work list of some queues: urgent ones first, then the oldest; those taken too, unless whoever
-- took one has held it for too long.
SELECT message.call_id, message.queue, message.urgent, message.left_at, message.length_ms,
       CASE WHEN held.until > now() THEN 'taken' ELSE 'new' END AS state,
       CASE WHEN held.until > now() THEN message.taken_by END AS taken_by,
       CASE WHEN held.until > now() THEN held.until END AS taken_until,
       message.transcript, call.caller, recording.path AS recording_path
FROM message
CROSS JOIN LATERAL (SELECT message.taken_at + :lease::interval AS until) AS held
JOIN call ON call.opened_at = message.opened_at AND call.call_id = message.call_id
LEFT JOIN recording
    ON recording.opened_at = message.opened_at AND recording.call_id = message.call_id
    AND recording.leg = 'voicemail' AND recording.state = 'kept'
WHERE message.state IN ('new', 'taken') AND message.queue = ANY (:queues::text[])
ORDER BY message.urgent DESC, message.left_at, message.call_id
LIMIT :most;

-- name: take_message(call_id, agent, lease, queues)!
-- One agent of these queues (NULL: of any) takes a message, or goes on holding it; nobody else does
-- until the lease is over.
UPDATE message
SET state = 'taken', taken_by = :agent, taken_at = now()
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
    AND (:queues::text[] IS NULL OR queue = ANY (:queues::text[]))
    AND (state = 'new'
         OR state = 'taken' AND (taken_by = :agent OR taken_at + :lease::interval <= now()));

-- name: release_message(call_id, agent)!
-- The agent who took it leaves it to the others.
UPDATE message
SET state = 'new', taken_by = NULL, taken_at = NULL
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
    AND state = 'taken' AND taken_by = :agent;

-- name: finish_message(call_id, agent)!
-- The agent who took it has dealt with it.
UPDATE message
SET state = 'done', done_at = now()
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id
    AND state = 'taken' AND taken_by = :agent;

-- name: message_without_transcript(node, since, left_out)^
-- The next message of a node that a recogniser has not written down: urgent ones first, then the
-- oldest.
SELECT recording.call_id, recording.leg, recording.format, recording.storage, recording.path,
       recording.key_id, recording.bytes, recording.sha256, recording.wav_bytes,
       recording.wav_sha256
FROM message
JOIN call ON call.opened_at = message.opened_at AND call.call_id = message.call_id
    AND call.node = :node
JOIN recording
    ON recording.opened_at = message.opened_at AND recording.call_id = message.call_id
    AND recording.leg = 'voicemail' AND recording.state = 'kept'
WHERE message.state IN ('new', 'taken') AND message.transcript IS NULL
    AND message.left_at >= :since AND NOT message.call_id = ANY (:left_out::text[])
ORDER BY message.urgent DESC, message.left_at, message.call_id
LIMIT 1;

-- name: store_transcript(call_id, transcript)!
-- What a recogniser wrote down, beside the message; never over another text, nor of a sound that
-- was deleted meanwhile.
UPDATE message
SET transcript = :transcript
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND transcript IS NULL
    AND EXISTS (SELECT FROM recording
                WHERE recording.opened_at = message.opened_at
                    AND recording.call_id = message.call_id AND recording.leg = 'voicemail'
                    AND recording.state = 'kept');
