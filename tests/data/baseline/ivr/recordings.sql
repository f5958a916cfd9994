-- name: calls_of_files(call_ids)
-- What is known of the calls that files are named after; files of unknown calls give no row.
-- `owed` are the legs of which there must be sound, `deleted` those whose sound was taken away.
SELECT call.call_id, call.opened_at, call.final,
       array_remove(ARRAY[CASE WHEN call.talk_ms > 0 THEN 'both' END,
                          CASE WHEN call.disposition = 'voicemail' THEN 'voicemail' END], NULL) AS owed,
       ARRAY(SELECT leg FROM recording
             WHERE recording.opened_at = call.opened_at AND recording.call_id = call.call_id
                 AND recording.state = 'deleted') AS deleted
FROM unnest(:call_ids::text[]) AS wanted(call_id)
JOIN call
    ON call.opened_at = call_opened_at(wanted.call_id) AND call.call_id = wanted.call_id;

-- name: keep_recording(call_id, leg, path, format, key_id, bytes, milliseconds, sha256)$
-- Write down where the sound of a call is; a deleted one stays deleted and gives NULL.
INSERT INTO recording (opened_at, call_id, leg, state, path, format, key_id, bytes, milliseconds,
                       sha256)
VALUES (call_opened_at(:call_id), :call_id, :leg, 'kept', :path, :format, :key_id, :bytes,
        :milliseconds, :sha256)
ON CONFLICT (opened_at, call_id, leg) DO UPDATE SET
    state = 'kept', path = excluded.path, format = excluded.format, key_id = excluded.key_id,
    bytes = excluded.bytes, milliseconds = excluded.milliseconds, sha256 = excluded.sha256,
    kept_at = now()
WHERE recording.state <> 'deleted'
RETURNING call_id;

-- name: miss_recordings(node, grace, present)
-- Conversations and messages whose file never came: written down once, so that the alarm is
-- raised once. `present` are files that wait, as `<call id>/<leg>`.
INSERT INTO recording (opened_at, call_id, leg, state)
SELECT call.opened_at, call.call_id, due.leg, 'missing'
FROM call
CROSS JOIN (VALUES ('both'), ('voicemail')) AS due(leg)
WHERE call.node = :node AND call.final
    AND CASE due.leg WHEN 'both' THEN call.talk_ms > 0 ELSE call.disposition = 'voicemail' END
    AND call.ended_at < now() - :grace::interval
    AND call.started_at > now() - interval '7 days'
    AND call.call_id || '/' || due.leg <> ALL (:present::text[])
    AND NOT EXISTS (
        SELECT FROM recording
        WHERE recording.opened_at = call.opened_at AND recording.call_id = call.call_id
            AND recording.leg = due.leg)
ON CONFLICT (opened_at, call_id, leg) DO NOTHING
RETURNING call_id, leg;

-- name: note_orphan(node, name, reason, bytes, modified_at)^
-- A file that belongs to no call; `new` tells whether it was not known yet.
INSERT INTO recording_orphan (node, name, reason, bytes, modified_at)
VALUES (:node, :name, :reason, :bytes, :modified_at)
ON CONFLICT (node, name) DO UPDATE SET bytes = excluded.bytes, modified_at = excluded.modified_at
RETURNING xmax = 0 AS new;

-- name: adopt_orphan(node, name)!
-- The call of an ownerless file has appeared after all.
UPDATE recording_orphan
SET adopted_at = now()
WHERE node = :node AND name = :name AND adopted_at IS NULL;
