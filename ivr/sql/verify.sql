-- name: calls_doubled(since)$
-- Call ids that stand in more than one row, in whatever partition.
SELECT count(*) - count(DISTINCT call_id) FROM call WHERE opened_at >= :since;

-- name: calls_unrecorded(since)$
-- Linked ids with lines that have neither a record nor stand in line for one.
SELECT count(*)
FROM (SELECT DISTINCT opened_at, call_id FROM spool_line WHERE opened_at >= :since) AS heard
WHERE NOT EXISTS (SELECT FROM call
                  WHERE call.opened_at = heard.opened_at AND call.call_id = heard.call_id)
    AND NOT EXISTS (SELECT FROM fold_due WHERE fold_due.call_id = heard.call_id);

-- name: calls_unheard(since)$
-- Records without a single line that they could have been folded from.
SELECT count(*)
FROM call
WHERE opened_at >= :since
    AND NOT EXISTS (SELECT FROM spool_line
                    WHERE spool_line.opened_at = call.opened_at
                        AND spool_line.call_id = call.call_id);

-- name: calls_never_closed(since)$
-- Open records of an Asterisk that has started anew, and not in line to be closed.
SELECT count(*)
FROM call
JOIN (SELECT node, max(boot) AS boot FROM engine_boot GROUP BY node) AS newest
    ON newest.node = call.node AND newest.boot > call.boot
WHERE NOT call.final AND call.opened_at >= :since
    AND NOT EXISTS (SELECT FROM fold_due WHERE fold_due.call_id = call.call_id);

-- name: calls_overdue()$
-- Ended calls that have stood in line for more than a minute.
SELECT count(*) FROM fold_due WHERE ended AND due_at < now() - interval '1 minute';

-- name: queue_identity(since)$
-- Days and queues in which asked-for calls are not answered + abandoned + overflown + lost; numbers
-- held back are in no figure, also when they reached the psychological line.
SELECT count(*)
FROM (
    SELECT (started_at AT TIME ZONE 'Asia/Shanghai')::date, queue,
           count(*) AS asked,
           count(*) FILTER (WHERE disposition = 'answered') AS answered,
           count(*) FILTER (WHERE disposition = 'abandoned_in_queue') AS abandoned,
           count(*) FILTER (WHERE disposition IN ('overflow', 'voicemail')) AS overflown,
           count(*) FILTER (WHERE disposition = 'callback_booked') AS called_back,
           count(*) FILTER (WHERE disposition = 'engine_lost') AS lost
    FROM call
    WHERE opened_at >= :since AND final AND queue IS NOT NULL AND direction = 'inbound'
        AND disposition <> 'blocked'
    GROUP BY 1, 2
) AS day
WHERE asked <> answered + abandoned + overflown + called_back + lost;

-- name: visits_unended(since)$
-- Stays in a queue that go on although their call is over.
SELECT count(*)
FROM queue_visit
JOIN call ON call.opened_at = queue_visit.opened_at AND call.call_id = queue_visit.call_id
WHERE call.opened_at >= :since AND call.final AND queue_visit.outcome = 'waiting';

-- name: parts_identity(since)$
-- Records whose waiting, answer, or agent is not that of their stays, offers and legs.
SELECT count(*)
FROM call
CROSS JOIN LATERAL (
    SELECT coalesce(sum(wait_ms), 0) AS wait_ms, count(*) FILTER (WHERE outcome = 'answered') AS answered
    FROM queue_visit
    WHERE queue_visit.opened_at = call.opened_at AND queue_visit.call_id = call.call_id
) AS visits
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE agent = call.agent) AS mine, max(talk_ms) AS talk_ms,
           count(DISTINCT channel) AS channels, count(*) AS legs
    FROM leg
    WHERE leg.opened_at = call.opened_at AND leg.call_id = call.call_id
) AS legs
WHERE call.opened_at >= :since AND call.final
    AND (visits.wait_ms <> call.wait_ms
        OR (visits.answered > 0 AND call.disposition NOT IN ('answered', 'engine_lost', 'blocked'))
        OR (call.agent IS NOT NULL AND legs.mine = 0)
        OR call.talk_ms > legs.talk_ms
        OR legs.channels <> legs.legs);

-- name: counts_identity(since)$
-- Cells of a month whose count, with the changes that are not merged yet, is not that of what is
-- counted.
SELECT count(*)
FROM (
    SELECT month, scheme, unit, code
    FROM (
        SELECT date_trunc('month', day)::date AS month, scheme, unit, code, -n AS n
        FROM counted
        WHERE day >= date_trunc('month', :since::timestamptz AT TIME ZONE 'Asia/Shanghai')::date
        UNION ALL
        SELECT month, scheme, unit, code, n
        FROM month_count
        WHERE month >= date_trunc('month', :since::timestamptz AT TIME ZONE 'Asia/Shanghai')::date
        UNION ALL
        SELECT date_trunc('month', day)::date, scheme, unit, code, n
        FROM count_change
        WHERE day >= date_trunc('month', :since::timestamptz AT TIME ZONE 'Asia/Shanghai')::date
    ) AS figure
    GROUP BY 1, 2, 3, 4
    HAVING sum(n) <> 0
) AS wrong;

-- name: agents_offered_two(since)$
-- Times that a phone was rung while another channel of the same agent rang or spoke, in whatever
-- call. What agents dial themselves is no offer, but none must come while they speak.
SELECT count(*)
FROM (
    SELECT position, started_at, max(ended_at) OVER (
               PARTITION BY agent ORDER BY started_at, call_id, position
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
    FROM leg
    WHERE opened_at >= :since AND agent IS NOT NULL
) AS offered
WHERE position > 1 AND started_at < busy_until;

-- name: recordings_missing(since, least_ms, least_killed_ms)$
-- Conversations and messages whose recording never came.
SELECT count(*)
FROM recording
JOIN call ON call.opened_at = recording.opened_at AND call.call_id = recording.call_id
WHERE recording.opened_at >= :since AND recording.state = 'missing'
    AND (recording.leg = 'voicemail'
        OR call.talk_ms >= CASE call.disposition WHEN 'engine_lost' THEN :least_killed_ms::bigint
                                                 ELSE :least_ms::bigint END);

-- name: talks_soundless(since, least_ms, least_killed_ms)$
-- Talks that have no sound and were too short to owe any.
SELECT count(*)
FROM call
WHERE opened_at >= :since AND final AND talk_ms > 0
    AND talk_ms < CASE disposition WHEN 'engine_lost' THEN :least_killed_ms::bigint
                                   ELSE :least_ms::bigint END
    AND NOT EXISTS (SELECT FROM recording
                    WHERE recording.opened_at = call.opened_at
                        AND recording.call_id = call.call_id AND recording.leg = 'both'
                        AND recording.state <> 'missing');

-- name: recordings_short(since)$
-- Recordings that miss more than 2 % of the talk, beyond a second and a half for starting up; what
-- was paused is not missing.
SELECT count(*)
FROM recording
JOIN call ON call.opened_at = recording.opened_at AND call.call_id = recording.call_id
WHERE recording.opened_at >= :since AND recording.state = 'kept' AND recording.leg = 'both'
    AND call.disposition <> 'engine_lost' AND NOT call.inexact
    AND recording.milliseconds + (SELECT coalesce(sum((pause->>'pause_ms')::bigint), 0)
                                  FROM jsonb_array_elements(recording.pauses) AS pause)
        < call.talk_ms * 0.98 - 1500;

-- name: recordings_owed(since, grace, least_ms, least_killed_ms)$
-- Conversations and messages of a while ago that have neither a recording nor a word about its
-- absence.
SELECT count(*)
FROM call
CROSS JOIN (VALUES ('both'), ('voicemail')) AS due(leg)
WHERE opened_at >= :since AND final AND ended_at < now() - :grace::interval
    AND CASE WHEN due.leg = 'voicemail' THEN disposition = 'voicemail'
             WHEN disposition = 'engine_lost' THEN talk_ms >= :least_killed_ms::bigint
             ELSE talk_ms >= :least_ms::bigint END
    AND NOT EXISTS (SELECT FROM recording
                    WHERE recording.opened_at = call.opened_at
                        AND recording.call_id = call.call_id AND recording.leg = due.leg);

-- name: recordings_kept(since)
-- Every recording that must be readable, and of each no more than that takes: there may be millions.
SELECT call_id, leg, format, storage, path, key_id, bytes, sha256, wav_bytes, wav_sha256
FROM recording
WHERE opened_at >= :since AND state = 'kept'
ORDER BY opened_at DESC, call_id DESC, leg;

-- name: recordings_deleted(since)
-- Every recording that must be gone.
SELECT call_id, leg, format, storage, path, key_id, bytes, sha256, wav_bytes, wav_sha256
FROM recording
WHERE opened_at >= :since AND state = 'deleted'
ORDER BY opened_at DESC, call_id DESC, leg;

-- name: recordings_of_calls(call_ids, opened_at)
-- All recordings of some calls, whatever became of them.
SELECT recording.*
FROM unnest(:call_ids::text[], :opened_at::timestamptz[]) AS wanted(call_id, opened_at)
JOIN recording
    ON recording.opened_at = wanted.opened_at AND recording.call_id = wanted.call_id
WHERE recording.path IS NOT NULL;

-- name: recordings_uncertified(since)$
-- Deleted recordings that no row of the audit says the rule and the digest of.
SELECT count(*)
FROM recording
WHERE opened_at >= :since AND state = 'deleted'
    AND NOT EXISTS (
        SELECT FROM audit
        WHERE audit.action = 'recording.deleted' AND audit.object = call_id || '/' || leg
            AND audit.detail->>'sha256' = encode(recording.sha256, 'hex')
            AND audit.detail ? 'rule');

-- name: transcripts_outliving(since)$
-- Texts of messages whose sound was deleted: they must have gone with it.
SELECT count(*)
FROM message
JOIN recording
    ON recording.opened_at = message.opened_at AND recording.call_id = message.call_id
    AND recording.leg = 'voicemail'
WHERE message.opened_at >= :since AND message.transcript IS NOT NULL
    AND recording.state = 'deleted';

-- name: recordings_deleted_under_hold(since)$
-- Recordings that went although a legal hold was on their call.
SELECT count(*)
FROM recording
JOIN recording_hold AS hold
    ON hold.opened_at = recording.opened_at AND hold.call_id = recording.call_id
WHERE recording.opened_at >= :since AND recording.state = 'deleted'
    AND recording.deleted_at >= hold.set_at
    AND (hold.released_at IS NULL OR recording.deleted_at < hold.released_at);

-- name: bytes_taken(node, heads)
-- Some spool files with how far each was read and what became of its bytes; all of it in one pass.
WITH asked AS (
    SELECT file_id, head, generation, position
    FROM spool_file
    WHERE node = :node AND head = ANY (:heads::bytea[])
), taken AS (
    SELECT file_id, sum(octet_length(replace(lines, chr(10), ''))) AS line_bytes
    FROM spool_line
    WHERE file_id IN (SELECT file_id FROM asked)
    GROUP BY file_id
)
SELECT head, generation, position, coalesce(line_bytes, 0)::bigint AS line_bytes,
       coalesce((SELECT sum(length(content)) FROM quarantine
                 WHERE quarantine.file_id = asked.file_id), 0)::bigint AS quarantined_bytes
FROM asked
LEFT JOIN taken USING (file_id)
ORDER BY head, generation;

-- name: final_calls(since, most)
-- The newest finished calls, to be folded again.
SELECT call_id, opened_at, node, encode(digest, 'hex') AS digest
FROM call
WHERE opened_at >= :since AND final
    AND NOT EXISTS (SELECT FROM fold_due WHERE fold_due.call_id = call.call_id)
ORDER BY opened_at DESC, call_id DESC
LIMIT :most;

-- name: final_calls_after(opened_at, call_id, most)
-- Finished calls in the order of their ids, those after a given one; none that stands in line to be
-- folded.
SELECT call_id, opened_at, node, encode(digest, 'hex') AS digest
FROM call
WHERE (opened_at, call_id) > (:opened_at, :call_id) AND opened_at >= :opened_at AND final
    AND NOT EXISTS (SELECT FROM fold_due WHERE fold_due.call_id = call.call_id)
ORDER BY opened_at, call_id
LIMIT :most;

-- name: fold_anew(call_ids)!
-- Have records put in place anew whatever their digest says.
WITH doubted AS (
    UPDATE call SET digest = sha256('')
    FROM (SELECT call_opened_at(call_id) AS opened_at, call_id
          FROM unnest(:call_ids::text[]) AS r(call_id)) AS wanted
    WHERE call.opened_at = wanted.opened_at AND call.call_id = wanted.call_id
    RETURNING call.call_id, call.opened_at, call.node
)
INSERT INTO fold_due (call_id, opened_at, node, ended)
SELECT call_id, opened_at, node, true FROM doubted
ON CONFLICT (call_id) DO UPDATE SET ended = true;

-- name: audit_broken()$
-- Audit rows that were changed, or that a row is missing before.
SELECT count(*)
FROM (SELECT audit, lag(hash) OVER inorder AS before, lag(seq) OVER inorder AS last
      FROM audit WINDOW inorder AS (ORDER BY seq)) AS chained
WHERE (chained.audit).hash <> audit_hash(chained.audit)
    OR (chained.audit).prev_hash <> coalesce(before, sha256('12320'))
    OR (chained.audit).seq <> coalesce(last, 0) + 1;

-- name: calls_to_compare(node, since, until)
-- Finished calls of one node with what Asterisk's own files can be asked about.
SELECT call_id, started_at, ended_at, disposition,
       EXISTS (SELECT FROM leg
               WHERE leg.opened_at = call.opened_at AND leg.call_id = call.call_id
                   AND leg.answered_at IS NOT NULL) AS answered,
       visits.outcomes, visits.agents
FROM call
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(outcome ORDER BY position), '{}') AS outcomes,
           coalesce(array_agg(coalesce(agent, '') ORDER BY position), '{}') AS agents
    FROM queue_visit
    WHERE queue_visit.opened_at = call.opened_at AND queue_visit.call_id = call.call_id
) AS visits
WHERE node = :node AND opened_at >= :since AND final AND ended_at < :until;

-- name: calls_among(call_ids)
-- Which of some calls have a record.
SELECT call.call_id
FROM unnest(:call_ids::text[]) AS r(call_id)
JOIN call ON call.opened_at = call_opened_at(r.call_id) AND call.call_id = r.call_id;

-- name: this_moment()$
-- When the snapshot was taken that everything else is read from.
SELECT now();
