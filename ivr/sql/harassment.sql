-- name: mark_harassment(number, call_id, reason, marked_by)$
-- An agent says that a call was harassing; nothing follows until somebody else confirms it.
INSERT INTO harassment_mark (number, call_id, reason, marked_by)
VALUES (:number, :call_id::text, :reason, :marked_by)
RETURNING mark_id;

-- name: lock_mark(mark_id)^
-- One mark, held until the transaction ends, so that it is judged once.
SELECT mark_id, number, call_id, reason, marked_by, marked_at, state
FROM harassment_mark
WHERE mark_id = :mark_id
FOR UPDATE;

-- name: lock_number(number)!
-- One judgement of a number at a time.
SELECT pg_advisory_xact_lock(hashtextextended(:number, 12321));

-- name: judge_mark(mark_id, state, judged_by, judged_at)!
-- Confirm or dismiss a mark.
UPDATE harassment_mark
SET state = :state, judged_by = :judged_by, judged_at = :judged_at
WHERE mark_id = :mark_id AND state = 'open';

-- name: confirmations(number, since)
-- When calls of a number were confirmed as harassing.
SELECT judged_at FROM harassment_mark
WHERE number = :number AND state = 'confirmed' AND judged_at >= :since
ORDER BY judged_at;

-- name: blocks_of(number, since)
-- Blocks of a number that had not ended then.
SELECT level, begins_at, expires_at, lifted_at FROM caller_block
WHERE number = :number AND expires_at >= :since
ORDER BY begins_at;

-- name: add_block(mark_id, number, level, reason, marked_by, approved_by, begins_at, expires_at)!
-- What a confirmation brings about.
INSERT INTO caller_block (mark_id, number, level, reason, marked_by, approved_by, begins_at,
                          expires_at)
VALUES (:mark_id, :number, :level, :reason, :marked_by, :approved_by, :begins_at, :expires_at);

-- name: lift_blocks(number, lifted_by, lifted_at)!
-- Take back every block of a number that is in force.
UPDATE caller_block
SET lifted_by = :lifted_by, lifted_at = :lifted_at
WHERE number = :number AND lifted_at IS NULL AND expires_at > :lifted_at;

-- name: open_marks(most)
-- Marks that wait for a second person, the oldest first.
SELECT mark_id, number, call_id, reason, marked_by, marked_at
FROM harassment_mark
WHERE state = 'open'
ORDER BY marked_at, mark_id
LIMIT :most;

-- name: blocks_in_force(now)
-- Every block in force, with reason, both persons and end.
SELECT number, level, reason, marked_by, approved_by, begins_at, expires_at
FROM caller_block
WHERE lifted_at IS NULL AND begins_at <= :now AND expires_at > :now
ORDER BY expires_at, block_id;

-- name: audit_harassment(actor, action, object, detail)!
-- Write down who judged what; in the transaction that does it.
INSERT INTO audit (actor, action, object, detail)
VALUES (:actor, :action, :object, :detail::jsonb);
