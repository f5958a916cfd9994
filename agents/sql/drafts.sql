-- name: draft_of(person, call_id)^
-- What somebody has typed of a call's form.
SELECT version, content, saved_at FROM draft WHERE person = :person AND call_id = :call_id;

-- name: begin_draft(person, call_id, content)^
-- The first version of a draft; no row when there is one already.
INSERT INTO draft (person, call_id, version, content)
VALUES (:person, :call_id, 1, :content::jsonb)
ON CONFLICT (person, call_id) DO NOTHING
RETURNING version, content, saved_at;

-- name: move_draft(person, call_id, version, content)^
-- The next version of a draft; no row when it has moved on meanwhile.
UPDATE draft
SET version = version + 1, content = :content::jsonb, saved_at = now()
WHERE person = :person AND call_id = :call_id AND version = :version
RETURNING version, content, saved_at;

-- name: drop_draft(person, call_id)!
-- Forget a draft: it was saved as requests, or thrown away.
DELETE FROM draft WHERE person = :person AND call_id = :call_id;

-- name: drafts_of(person, most)
-- Forms that somebody began and did not save, the oldest first.
SELECT call_id, version, content, saved_at
FROM draft WHERE person = :person ORDER BY saved_at LIMIT :most;
