-- name: ask_run(kind, about, wanted, asked_by)^
-- Ask for a run; no row when the same is waiting or under way.
INSERT INTO run (kind, about, wanted, asked_by)
VALUES (:kind, :about, :wanted::jsonb, :asked_by)
ON CONFLICT (kind, about) WHERE state IN ('waiting', 'running') DO NOTHING
RETURNING run_id;

-- name: claim_run(kinds)^
-- Take the run that waits longest; no row while another is done, here or on another server.
UPDATE run SET state = 'running', started_at = now(), beat_at = now()
WHERE run_id = (
    SELECT run_id FROM run WHERE state = 'waiting' AND kind = ANY(:kinds::text[])
    ORDER BY run_id LIMIT 1 FOR UPDATE SKIP LOCKED
) AND NOT EXISTS (SELECT FROM run WHERE state = 'running')
RETURNING run_id, kind, about;

-- name: lose_runs(seconds)
-- End the runs whose server has not said for so long that it still does them.
UPDATE run SET state = 'lost', ended_at = now()
WHERE state = 'running' AND beat_at < now() - :seconds * interval '1 second'
RETURNING run_id, kind;

-- name: beat_run(run_id)^
-- Say that a run is still done; no row once it has ended, by whomever.
UPDATE run SET beat_at = now() WHERE run_id = :run_id AND state = 'running' RETURNING run_id;

-- name: tell_run(run_id, step, steps, doing)!
-- Tell how far a run is.
UPDATE run SET step = :step, steps = :steps, doing = :doing, beat_at = now()
WHERE run_id = :run_id AND state = 'running';

-- name: end_run(run_id, state, why, result)^
-- End a run that is done now; no row when it has ended before.
UPDATE run SET state = :state, why = :why, result = :result::jsonb, ended_at = now()
WHERE run_id = :run_id AND state = 'running' RETURNING run_id;

-- name: cancel_run(run_id, kind)^
-- Cancel a run that has not ended; no row when it has, or there is none of the kind.
UPDATE run SET state = 'cancelled', ended_at = now()
WHERE run_id = :run_id AND kind = :kind AND state IN ('waiting', 'running')
RETURNING run_id, about;

-- name: run(run_id, seconds)^
-- One run; one whose server has not been heard of for so long is lost.
SELECT run_id, kind, about, wanted, asked_by, asked_at, step, steps, doing, why, result,
       started_at, ended_at,
       CASE WHEN state = 'running' AND beat_at < now() - :seconds * interval '1 second'
            THEN 'lost' ELSE state END AS state
FROM run WHERE run_id = :run_id;

-- name: newest_runs(kind, seconds, most)
-- The newest runs of a kind, the newest first.
SELECT run_id, kind, about, wanted, asked_by, asked_at, step, steps, doing, why, result,
       started_at, ended_at,
       CASE WHEN state = 'running' AND beat_at < now() - :seconds * interval '1 second'
            THEN 'lost' ELSE state END AS state
FROM run WHERE kind = :kind ORDER BY run_id DESC LIMIT :most;

-- name: run_under_way(kind, about)$
-- The run that waits or is done for something, if there is one.
SELECT run_id FROM run WHERE kind = :kind AND about = :about AND state IN ('waiting', 'running');

-- name: forget_runs(age)!
-- Forget long runs that ended longer ago; what they made stays.
DELETE FROM run WHERE ended_at < now() - :age::interval;
