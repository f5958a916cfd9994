-- name: same_import(digest)^
-- The import of these very bytes, if there was one.
SELECT import_id, (SELECT count(*) FROM import_line AS l WHERE l.import_id = f.import_id) AS lines
FROM import_file AS f WHERE digest = :digest;

-- name: store_import(digest, name, scheme, imported_by)^
-- Begin an import; the unique digest makes a second one of the same file wait and fail.
INSERT INTO import_file (digest, name, scheme, imported_by)
VALUES (:digest, :name, :scheme, :imported_by) RETURNING import_id;

-- name: import_clashes(import_id)
-- Days of an import that are counted already, from requests here or from a submission.
SELECT DISTINCT l.unit, l.day, 'requests of that day' AS why
FROM import_line AS l
JOIN import_file AS f USING (import_id)
WHERE l.import_id = :import_id AND EXISTS (
    SELECT FROM request AS r
    WHERE r.unit = l.unit AND r.scheme = f.scheme
      AND r.made_at >= l.day::timestamp AT TIME ZONE 'Asia/Shanghai'
      AND r.made_at < (l.day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')
UNION ALL
SELECT DISTINCT l.unit, l.day, 'an accepted submission'
FROM import_line AS l
JOIN submission AS s ON s.unit = l.unit AND s.month = date_trunc('month', l.day)
WHERE l.import_id = :import_id AND s.state = 'accepted'
ORDER BY 1, 2 LIMIT 50;

-- name: count_import(import_id)!
-- Count what was imported.
INSERT INTO count_change
SELECT day, scheme, unit, code, 'phone', 'inbound', settlement, sum(n)::integer
FROM import_line JOIN import_file USING (import_id)
WHERE import_id = :import_id
GROUP BY day, scheme, unit, code, settlement HAVING sum(n) <> 0;
