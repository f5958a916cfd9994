-- name: schedules_of(owner)
-- Somebody's schedules that are in force, by the report they mail.
SELECT c.schedule_id, c.saved_id, s.name, c.every, c.on_day, c.at, c.recipients, c.form,
       c.short_text, c.next_due
FROM report_schedule AS c JOIN saved_report AS s USING (saved_id)
WHERE s.owner = :owner AND s.deleted_at IS NULL AND c.stopped_at IS NULL
ORDER BY s.name, c.schedule_id;

-- name: count_schedules(owner)$
-- How many somebody has in force.
SELECT count(*) FROM report_schedule AS c JOIN saved_report AS s USING (saved_id)
WHERE s.owner = :owner AND s.deleted_at IS NULL AND c.stopped_at IS NULL;

-- name: make_schedule(saved_id, owner, every, on_day, at, recipients, form, short_text, next_due)$
-- Have one's own report mailed from now on; nothing when it is not his own.
INSERT INTO report_schedule (saved_id, every, on_day, at, recipients, form, short_text, next_due)
SELECT saved_id, :every, :on_day, :at, :recipients, :form, :short_text, :next_due
FROM saved_report WHERE saved_id = :saved_id AND owner = :owner AND deleted_at IS NULL
RETURNING schedule_id;

-- name: stop_schedule(schedule_id, owner)$
-- Mail no more, not even what is under way.
UPDATE report_schedule AS c SET stopped_at = now()
FROM saved_report AS s
WHERE s.saved_id = c.saved_id AND c.schedule_id = :schedule_id AND s.owner = :owner
  AND c.stopped_at IS NULL
RETURNING schedule_id;

-- name: stop_schedule_of_run(run_id)!
-- Mail no more for somebody who may not see reports any more.
UPDATE report_schedule SET stopped_at = now()
WHERE schedule_id = (SELECT schedule_id FROM report_run WHERE run_id = :run_id)
  AND stopped_at IS NULL;

-- name: schedules_of_report(saved_id)
-- A report's schedules in force, whose next time is reckoned anew when it is brought back.
SELECT schedule_id, every, on_day, at FROM report_schedule
WHERE saved_id = :saved_id AND stopped_at IS NULL;

-- name: present()$
-- The clock that all servers share.
SELECT now();

-- name: due_schedules(now)
-- Schedules whose time has come, each for one server alone while its transaction lasts.
SELECT c.schedule_id, c.every, c.on_day, c.at, c.next_due
FROM report_schedule AS c
WHERE c.next_due <= :now AND c.stopped_at IS NULL
  AND EXISTS (SELECT FROM saved_report AS s WHERE s.saved_id = c.saved_id AND s.deleted_at IS NULL)
ORDER BY c.next_due LIMIT 100
FOR UPDATE OF c SKIP LOCKED;

-- name: set_next_due(schedule_id, next_due)!
-- Say when a schedule's report is due next.
UPDATE report_schedule SET next_due = :next_due WHERE schedule_id = :schedule_id;

-- name: make_run(schedule_id, due_at)$
-- Write down that a report is due, once for each time; its recipients are those of this moment.
WITH made AS (
    INSERT INTO report_run (schedule_id, due_at, try_at) VALUES (:schedule_id, :due_at, :due_at)
    ON CONFLICT (schedule_id, due_at) DO NOTHING
    RETURNING run_id, schedule_id
), told AS (
    INSERT INTO report_delivery (run_id, recipient)
    SELECT DISTINCT m.run_id, r FROM made AS m
    JOIN report_schedule AS c USING (schedule_id), unnest(c.recipients) AS r
)
SELECT run_id FROM made;

-- name: take_run(holder, lease)^
-- Take the next run that is due, or whose holder let its lease lapse, for as long as the lease.
UPDATE report_run AS r
SET state = 'sending', holder = :holder, lease_until = now() + :lease::interval,
    tries = r.tries + 1, begun_at = coalesce(r.begun_at, now())
FROM report_schedule AS c JOIN saved_report AS s USING (saved_id)
    JOIN user_account AS u ON u.person = s.owner
WHERE r.run_id = (
    SELECT run_id FROM report_run
    WHERE ended_at IS NULL AND try_at <= now() AND (holder IS NULL OR lease_until < now())
    ORDER BY try_at, run_id LIMIT 1
    FOR UPDATE SKIP LOCKED)
  AND c.schedule_id = r.schedule_id
RETURNING r.run_id, r.schedule_id, r.due_at, r.tries, c.form, c.short_text, s.saved_id, s.owner,
          s.name, s.report, s.period, s.queue, s.agent, s.unit, u.role, u.active;

-- name: keep_run(run_id, holder, lease)$
-- Hold a run for longer, and tell whether it is still wanted, that is neither its schedule stopped
-- nor its report put away; nothing when it has become another's.
UPDATE report_run AS r SET lease_until = now() + :lease::interval
FROM report_schedule AS c JOIN saved_report AS s USING (saved_id)
WHERE r.run_id = :run_id AND r.holder = :holder AND r.ended_at IS NULL
  AND c.schedule_id = r.schedule_id
RETURNING c.stopped_at IS NULL AND s.deleted_at IS NULL;

-- name: let_run_go(run_id, holder)!
-- Give a run back untried: the server that held it stops, and another one may take it at once.
UPDATE report_run
SET state = 'waiting', holder = NULL, lease_until = NULL, tries = tries - 1, try_at = now()
WHERE run_id = :run_id AND holder = :holder;

-- name: deliveries_left(run_id)
-- To whom a run is still to be sent.
SELECT recipient FROM report_delivery WHERE run_id = :run_id AND state = 'waiting'
ORDER BY recipient;

-- name: end_delivery(run_id, recipient, state, reason)!
-- Say that one address has it, or will not have it.
UPDATE report_delivery SET state = :state, reason = :reason, ended_at = now()
WHERE run_id = :run_id AND recipient = :recipient AND state = 'waiting';

-- name: refuse_left(run_id, reason)!
-- Say that a run that is given up reached these addresses never.
UPDATE report_delivery SET state = 'refused', reason = :reason, ended_at = now()
WHERE run_id = :run_id AND state = 'waiting';

-- name: deliveries_counted(run_id)^
-- How a run's addresses stand.
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
       count(*) FILTER (WHERE state = 'sent') AS sent,
       count(*) FILTER (WHERE state = 'refused') AS refused
FROM report_delivery WHERE run_id = :run_id;

-- name: put_run_off(run_id, holder, pause, reason)$
-- Give a run up for now; nothing when it has become another's.
UPDATE report_run
SET state = 'waiting', holder = NULL, lease_until = NULL, reason = :reason,
    try_at = now() + :pause::interval
WHERE run_id = :run_id AND holder = :holder
RETURNING run_id;

-- name: end_report_run(run_id, holder, state, reason)$
-- End a run; nothing when it has become another's.
UPDATE report_run
SET state = :state, holder = NULL, lease_until = NULL, ended_at = now(), reason = :reason
WHERE run_id = :run_id AND holder = :holder AND ended_at IS NULL
RETURNING run_id;

-- name: runs_of(owner, most)
-- The newest runs of somebody's schedules, each with how many addresses have it and which refused.
SELECT r.run_id, r.schedule_id, s.name, r.due_at, r.state, r.tries, r.try_at, r.ended_at, r.reason,
       count(*) FILTER (WHERE d.state = 'sent') AS sent,
       count(d.recipient) AS recipients,
       coalesce(array_agg(d.recipient ORDER BY d.recipient) FILTER (WHERE d.state = 'refused'),
                '{}') AS refused
FROM report_run AS r JOIN report_schedule AS c USING (schedule_id)
    JOIN saved_report AS s USING (saved_id)
    LEFT JOIN report_delivery AS d USING (run_id)
WHERE s.owner = :owner
GROUP BY r.run_id, s.name ORDER BY r.due_at DESC, r.run_id DESC LIMIT :most;

-- name: forget_mailings(age)!
-- Forget the times that scheduled reports were sent, or given up, longer ago.
WITH old AS (SELECT run_id FROM report_run WHERE ended_at < now() - :age::interval),
     mail AS (DELETE FROM report_delivery USING old WHERE report_delivery.run_id = old.run_id)
DELETE FROM report_run USING old WHERE report_run.run_id = old.run_id;
