-- name: calls_of_files(call_ids, least_ms, least_killed_ms)
-- What is known of the calls that files are named after; files of unknown calls give no row.
-- `owed` are the legs of which there must be sound, `deleted` those whose sound was taken away.
SELECT call.call_id, call.opened_at, call.final,
       array_remove(ARRAY[CASE WHEN call.talk_ms >= CASE call.disposition WHEN 'engine_lost'
                                                         THEN :least_killed_ms::bigint
                                                         ELSE :least_ms::bigint END
                               THEN 'both' END,
                          CASE WHEN call.disposition = 'voicemail' THEN 'voicemail' END], NULL) AS owed,
       ARRAY(SELECT leg FROM recording
             WHERE recording.opened_at = call.opened_at AND recording.call_id = call.call_id
                 AND recording.state = 'deleted') AS deleted
FROM unnest(:call_ids::text[]) AS wanted(call_id)
JOIN call
    ON call.opened_at = call_opened_at(wanted.call_id) AND call.call_id = wanted.call_id;

-- name: keep_recording(call_id, leg, path, format, key_id, bytes, milliseconds, sha256, wav_bytes, wav_sha256, peaks, pauses)$
-- Write down where the sound of a call is; a deleted one stays deleted and gives NULL.
INSERT INTO recording (opened_at, call_id, leg, state, path, format, key_id, bytes, milliseconds,
                       sha256, wav_bytes, wav_sha256, peaks, pauses)
VALUES (call_opened_at(:call_id), :call_id, :leg, 'kept', :path, :format, :key_id, :bytes,
        :milliseconds, :sha256, :wav_bytes, :wav_sha256, :peaks, :pauses::jsonb)
ON CONFLICT (opened_at, call_id, leg) DO UPDATE SET
    state = 'kept', storage = 'local', path = excluded.path, format = excluded.format,
    key_id = excluded.key_id, bytes = excluded.bytes, milliseconds = excluded.milliseconds,
    sha256 = excluded.sha256, wav_bytes = excluded.wav_bytes, wav_sha256 = excluded.wav_sha256,
    peaks = excluded.peaks, pauses = excluded.pauses, kept_at = now()
WHERE recording.state <> 'deleted'
RETURNING call_id;

-- name: recordings_overdue(node, grace, present, least_ms, least_killed_ms)
-- Conversations and messages whose file has not come, and of which nothing is written down yet.
-- `present` are files that wait, as `<call id>/<leg>`.
SELECT call.call_id, due.leg
FROM call
CROSS JOIN (VALUES ('both'), ('voicemail')) AS due(leg)
WHERE call.node = :node AND call.final
    AND CASE WHEN due.leg = 'voicemail' THEN call.disposition = 'voicemail'
             WHEN call.disposition = 'engine_lost' THEN call.talk_ms >= :least_killed_ms::bigint
             ELSE call.talk_ms >= :least_ms::bigint END
    AND call.ended_at < now() - :grace::interval
    AND call.started_at > now() - interval '7 days'
    AND call.call_id || '/' || due.leg <> ALL (:present::text[])
    AND NOT EXISTS (
        SELECT FROM recording
        WHERE recording.opened_at = call.opened_at AND recording.call_id = call.call_id
            AND recording.leg = due.leg)
ORDER BY call.opened_at, call.call_id, due.leg;

-- name: miss_recording(call_id, leg)$
-- Write down that a file never came, once, so that the alarm is raised once.
INSERT INTO recording (opened_at, call_id, leg, state)
VALUES (call_opened_at(:call_id), :call_id, :leg, 'missing')
ON CONFLICT (opened_at, call_id, leg) DO NOTHING
RETURNING call_id;

-- name: note_orphan(node, name, reason, bytes, modified_at)^
-- A file that belongs to no call, or that cannot be taken in; `new` tells whether that was not
-- known yet.
INSERT INTO recording_orphan (node, name, reason, bytes, modified_at)
VALUES (:node, :name, :reason, :bytes, :modified_at)
ON CONFLICT (node, name) DO UPDATE SET
    bytes = excluded.bytes, modified_at = excluded.modified_at, reason = excluded.reason,
    adopted_at = NULL
RETURNING xmax = 0 AS new;

-- name: adopt_orphan(node, name)!
-- The call of an ownerless file has appeared after all, or an unreadable one was read.
UPDATE recording_orphan
SET adopted_at = now()
WHERE node = :node AND name = :name AND adopted_at IS NULL;

-- name: key_ids_in_use()
-- The keys that recordings are sealed with.
SELECT DISTINCT key_id FROM recording WHERE key_id IS NOT NULL AND state = 'kept';

-- name: recording_of_call(call_id, leg)^
-- One recording, whatever became of it.
SELECT * FROM recording
WHERE opened_at = call_opened_at(:call_id) AND call_id = :call_id AND leg = :leg;
