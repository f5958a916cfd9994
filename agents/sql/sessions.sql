-- name: keep_session(hash, person, limited, ends_at)!
-- Write a session down beside Redis.
INSERT INTO user_session (hash, person, limited, ends_at)
VALUES (:hash, :person, :limited, :ends_at);

-- name: kept_session(hash, rest)^
-- A session that Redis does not know, if it is neither ended, left alone too long, nor its user shut out.
SELECT user_session.person, user_account.name, user_account.role, user_session.limited,
       user_session.ends_at, user_session.seen_at
FROM user_session JOIN user_account USING (person)
WHERE user_session.hash = :hash AND user_session.ended_at IS NULL AND user_account.active
  AND user_session.ends_at > now() AND user_session.seen_at > now() - :rest::interval;

-- name: see_session(hash)!
-- Note that a session is in use; no row is updated when it was ended or its user shut out.
UPDATE user_session SET seen_at = now()
FROM user_account
WHERE user_session.hash = :hash AND user_session.ended_at IS NULL
  AND user_account.person = user_session.person AND user_account.active;

-- name: end_session(hash)!
-- End one session.
UPDATE user_session SET ended_at = now() WHERE hash = :hash AND ended_at IS NULL;

-- name: end_sessions_of(person, but)
-- End somebody's sessions but one; gives the hashes of those that were open.
UPDATE user_session SET ended_at = now()
WHERE person = :person AND ended_at IS NULL AND hash <> :but
RETURNING hash;

-- name: open_sessions_of(person, rest)$
-- How many sessions somebody has open now.
SELECT count(*) FROM user_session
WHERE person = :person AND ended_at IS NULL AND ends_at > now() AND seen_at > now() - :rest::interval;

-- name: forget_sessions()!
-- Remove what ended more than half a year ago.
DELETE FROM user_session
WHERE ends_at < now() - interval '6 months';
