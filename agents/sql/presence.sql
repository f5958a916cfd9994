-- name: presences(rest)
-- What every agent means to do and was last shown doing, whether he has a session, and whether the
-- form of his call is saved, by him or by anybody.
SELECT presence.person, presence.state, presence.reason, presence.call_id, presence.since,
       presence.until, coalesce(log.state, '') AS shown, coalesce(log.reason, '') AS shown_reason,
       coalesce(log.call_id, '') AS shown_call, log.since AS shown_since,
       EXISTS (
           SELECT FROM user_session
           WHERE user_session.person = presence.person AND ended_at IS NULL AND ends_at > now()
             AND seen_at > now() - :rest::interval) AS signed_in,
       filed.own AS filed, filed.any AS filed_by_any
FROM presence
LEFT JOIN presence_log AS log ON log.person = presence.person AND log.until IS NULL
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(written_by = presence.person), false) AS own, count(*) > 0 AS any
    FROM request_version
    WHERE request_version.call_id = CASE presence.state
        WHEN 'wrap_up' THEN presence.call_id ELSE coalesce(log.call_id, '') END
) AS filed
ORDER BY presence.person;

-- name: mean_presence(person, state, reason, call_id, until)!
-- Somebody says what he means to do.
INSERT INTO presence (person, state, reason, call_id, until)
VALUES (:person, :state, :reason, :call_id, :until)
ON CONFLICT (person) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, call_id = excluded.call_id,
    since = now(), until = excluded.until;

-- name: move_presence(person, was, since, state, reason, call_id, until)!
-- What follows by itself, unless somebody has said something else meanwhile.
UPDATE presence
SET state = :state, reason = :reason, call_id = :call_id, since = now(), until = :until
WHERE person = :person AND state = :was AND since = :since;

-- name: end_wrap_up(person, call_id)!
-- The form of the call is saved: whoever was wrapping it up is available again.
UPDATE presence
SET state = 'available', reason = '', since = now(), until = NULL
WHERE person = :person AND state = 'wrap_up' AND call_id = :call_id;

-- name: lock_presence_log(person)!
-- One writer of somebody's log at a time.
SELECT pg_advisory_xact_lock(hashtextextended(:person, 20));

-- name: close_presence_log(person, state, reason, call_id)!
-- End the stay that is open, unless it is this one.
UPDATE presence_log SET until = now()
WHERE person = :person AND until IS NULL
  AND (state, reason, call_id) <> (:state, :reason, :call_id);

-- name: open_presence_log(person, state, reason, call_id)!
-- Begin a stay, unless it is open already.
INSERT INTO presence_log (person, state, reason, call_id, since)
SELECT :person, :state, :reason, :call_id, now()
WHERE NOT EXISTS (SELECT FROM presence_log WHERE person = :person AND until IS NULL);
