-- name: note_in_audit(actor, action, object, detail)!
-- Write a line of the audit, in the transaction of what it tells.
INSERT INTO audit (actor, action, object, detail) VALUES (:actor, :action, :object, :detail::jsonb);

-- name: audit_lines(first, last, actor, action, object, before, most)
-- Lines of some days of China, both included, the newest first; an empty filter lets all pass.
SELECT seq, happened_at, actor, action, object, detail::text AS detail,
    encode(hash, 'hex') AS hash
FROM audit
WHERE happened_at >= (:first::date)::timestamp AT TIME ZONE 'Asia/Shanghai'
    AND happened_at < (:last::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
    AND (:actor::text = '' OR actor = :actor)
    AND (:action::text = '' OR action = :action)
    AND (:object::text = '' OR strpos(object, :object) > 0)
    AND seq < :before
ORDER BY seq DESC
LIMIT :most;

-- name: audit_actions()
-- Every action that was ever written down: from one to the next by the index, not line by line.
WITH RECURSIVE known AS (
    (SELECT action FROM audit ORDER BY action LIMIT 1)
    UNION ALL
    SELECT (SELECT audit.action FROM audit WHERE audit.action > known.action
            ORDER BY audit.action LIMIT 1)
    FROM known
    WHERE known.action IS NOT NULL
)
SELECT action FROM known WHERE action IS NOT NULL;

-- name: audit_breaks(after, until, most)
-- Of some lines in a row, the first at which the chain does not hold, and how many there are: a line
-- that was changed, one before which others are missing, one that does not follow on the one before.
SELECT count(*) OVER () AS faults, (chained.audit).seq, (chained.audit).happened_at,
    CASE
        WHEN (chained.audit).seq <> coalesce(last, 0) + 1 THEN 'missing'
        WHEN (chained.audit).hash <> audit_hash(chained.audit) THEN 'changed'
        ELSE 'relinked'
    END AS why
FROM (SELECT audit, lag(hash) OVER inorder AS before, lag(seq) OVER inorder AS last
      FROM audit
      WHERE seq BETWEEN :after AND :until
      WINDOW inorder AS (ORDER BY seq)) AS chained
WHERE (chained.audit).seq > :after
    AND ((chained.audit).hash <> audit_hash(chained.audit)
        OR (chained.audit).prev_hash <> coalesce(before, sha256('12320'))
        OR (chained.audit).seq <> coalesce(last, 0) + 1)
ORDER BY (chained.audit).seq
LIMIT :most;

-- name: audit_end()^
-- The newest line: whoever noted its hash before sees whether lines were cut off at the end.
SELECT seq, happened_at, encode(hash, 'hex') AS hash FROM audit ORDER BY seq DESC LIMIT 1;
