-- name: begin_change(person, key, fingerprint)^
-- Claim a key; whoever holds it already is waited for. No row: it was answered before.
INSERT INTO answered_change (person, key, fingerprint)
VALUES (:person, :key, :fingerprint)
ON CONFLICT (person, key) DO NOTHING
RETURNING key;

-- name: change_answered(person, key)^
-- What a change was answered under its key.
SELECT fingerprint, status, body FROM answered_change WHERE person = :person AND key = :key;

-- name: answer_change(person, key, status, body)!
-- Keep the answer, in the transaction of the change.
UPDATE answered_change SET status = :status, body = :body WHERE person = :person AND key = :key;

-- name: forget_changes(age)!
-- Remove answers that nobody asks for again.
DELETE FROM answered_change WHERE made_at < now() - :age::interval;
