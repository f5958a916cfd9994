-- name: calls_doubled(since)$
-- Call ids that stand in more than one row, in whatever partition.
SELECT count(*) - count(DISTINCT call_id) FROM call WHERE opened_at >= :since;

-- name: calls_recorded(since)$
-- How many calls there are.
SELECT count(*) FROM call WHERE opened_at >= :since;

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
-- Days and queues in which asked-for calls are not answered + abandoned + overflown + lost.
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
    GROUP BY 1, 2
) AS day
WHERE asked <> answered + abandoned + overflown + called_back + lost;

-- name: visits_unended(since)$
-- Stays in a queue that go on although their call is over.
SELECT count(*)
FROM queue_visit
JOIN call ON call.opened_at = queue_visit.opened_at AND call.call_id = queue_visit.call_id
WHERE call.opened_at >= :since AND call.final AND queue_visit.outcome = 'waiting';

-- name: agents_offered_two(since)$
-- Pairs of calls that rang or held the same agent at the same moment.
SELECT count(*)
FROM leg AS one
JOIN leg AS other
    ON other.agent = one.agent AND other.opened_at >= :since
    AND (other.call_id, other.position) > (one.call_id, one.position)
    AND tstzrange(other.started_at, other.ended_at) && tstzrange(one.started_at, one.ended_at)
WHERE one.opened_at >= :since AND one.position > 1 AND other.position > 1
    AND one.ended_at IS NOT NULL AND other.ended_at IS NOT NULL;

-- name: recordings_missing(since)$
-- Conversations whose recording never came.
SELECT count(*) FROM recording WHERE opened_at >= :since AND state = 'missing';

-- name: recordings_short(since)$
-- Recordings that miss more than 2 % of the talk, beyond a second and a half for starting up.
SELECT count(*)
FROM recording
JOIN call ON call.opened_at = recording.opened_at AND call.call_id = recording.call_id
WHERE recording.opened_at >= :since AND recording.state = 'kept' AND recording.leg = 'both'
    AND call.disposition <> 'engine_lost' AND NOT call.inexact
    AND recording.milliseconds < call.talk_ms * 0.98 - 1500;

-- name: recordings_owed(since, grace)$
-- Conversations of a while ago that have neither a recording nor a word about its absence.
SELECT count(*)
FROM call
WHERE opened_at >= :since AND final AND talk_ms > 0 AND ended_at < now() - :grace::interval
    AND NOT EXISTS (SELECT FROM recording
                    WHERE recording.opened_at = call.opened_at
                        AND recording.call_id = call.call_id);

-- name: recordings_kept(since)
-- Every recording that must lie in the archive, with its size and digest.
SELECT call_id, path, bytes, sha256
FROM recording
WHERE opened_at >= :since AND state = 'kept'
ORDER BY opened_at DESC, call_id DESC;

-- name: bytes_taken(node)
-- Every spool file with how far it was read and what became of its bytes.
SELECT spool_file.head, spool_file.generation, spool_file.name, spool_file.position,
       coalesce((SELECT sum(octet_length(replace(lines, chr(10), ''))) FROM spool_line
                 WHERE spool_line.file_id = spool_file.file_id), 0)::bigint AS line_bytes,
       coalesce((SELECT sum(length(content)) FROM quarantine
                 WHERE quarantine.file_id = spool_file.file_id), 0)::bigint AS quarantined_bytes
FROM spool_file
WHERE node = :node
ORDER BY head, generation;

-- name: bytes_quarantined()$
-- How many stretches of the spool were no record.
SELECT count(*) FROM quarantine;

-- name: final_calls(since, most)
-- The newest finished calls, to be folded again.
SELECT call_id, opened_at, node, encode(digest, 'hex') AS digest
FROM call
WHERE opened_at >= :since AND final
    AND NOT EXISTS (SELECT FROM fold_due WHERE fold_due.call_id = call.call_id)
ORDER BY opened_at DESC, call_id DESC
LIMIT :most;

-- name: audit_broken()$
-- Audit rows that were changed, or that a row is missing before.
SELECT count(*)
FROM (SELECT audit, lag(hash) OVER inorder AS before, lag(seq) OVER inorder AS last
      FROM audit WINDOW inorder AS (ORDER BY seq)) AS chained
WHERE (chained.audit).hash <> audit_hash(chained.audit)
    OR (chained.audit).prev_hash <> coalesce(before, sha256('12320'))
    OR (chained.audit).seq <> coalesce(last, 0) + 1;
