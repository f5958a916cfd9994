-- name: unit_of(unit)^
-- How a unit reports, and its key.
SELECT unit_id, reports_by, public_key FROM unit WHERE unit_id = :unit;

-- name: unit_ids()
-- Every unit there is.
SELECT unit_id FROM unit ORDER BY unit_id;

-- name: store_unit(unit, name, brief_name, heading_name, reports_by)!
-- Add a unit or rename it; how it reports and its key stay as they are.
INSERT INTO unit (unit_id, name, brief_name, heading_name, reports_by)
VALUES (:unit, :name, :brief_name, :heading_name, :reports_by)
ON CONFLICT (unit_id) DO UPDATE SET
    name = EXCLUDED.name, brief_name = EXCLUDED.brief_name, heading_name = EXCLUDED.heading_name;

-- name: store_membership(network, unit, position, since, until)!
-- Add a membership or move its end.
INSERT INTO membership (network, unit_id, position, since, until)
VALUES (:network, :unit, :position, coalesce(:since::date, '-infinity'::date),
        coalesce(:until::date, 'infinity'::date))
ON CONFLICT (network, unit_id, since) DO UPDATE SET
    position = EXCLUDED.position, until = EXCLUDED.until;

-- name: set_unit_key(unit, public_key)$
-- Give a unit its key: from now on it must sign. Nothing comes back for an unknown unit.
UPDATE unit SET public_key = :public_key WHERE unit_id = :unit RETURNING unit_id;

-- name: set_unit_reporting(unit, reports_by)!
-- Say whether a unit's requests are here or sent in.
UPDATE unit SET reports_by = :reports_by WHERE unit_id = :unit;

-- name: network_units(network, first, last)
-- Members of a network in any of some months, in its order.
SELECT unit_id, name, brief_name, heading_name, position, reports_by
FROM membership JOIN unit USING (unit_id)
WHERE network = :network AND since < (:last::date + interval '1 month') AND until > :first
ORDER BY position, unit_id;

-- name: lock_unit(unit)$
-- Versions of one unit are numbered one after the other.
SELECT unit_id FROM unit WHERE unit_id = :unit FOR UPDATE;

-- name: same_submission(unit, month, scheme, digest)^
-- The version with this very content, if it was sent before.
SELECT submission_id, version, late FROM submission
WHERE unit = :unit AND month = :month AND scheme = :scheme AND digest = :digest;

-- name: store_submission(unit, month, scheme, standing, total, reason, document, digest, signature, late, sent_by)^
-- Keep a new version.
INSERT INTO submission (unit, month, scheme, version, standing, total, reason, document, digest,
                        signature, late, state, sent_by)
SELECT :unit, :month, :scheme, 1 + coalesce(max(version), 0), :standing, :total, :reason,
       :document, :digest, :signature, :late, 'received', :sent_by
FROM submission WHERE unit = :unit AND month = :month AND scheme = :scheme
RETURNING submission_id, version, late;

-- name: store_submission_lines(submission_id, codes, settlements, counts)!
-- Keep its lines.
INSERT INTO submission_line (submission_id, code, settlement, n)
SELECT :submission_id, code, settlement, n
FROM unnest(:codes::text[], :settlements::text[], :counts::integer[]) AS l(code, settlement, n);

-- name: submission(submission_id)^
-- One version, locked against a second acceptance.
SELECT submission_id, unit, month, scheme, version, standing,
       CASE WHEN returned_at IS NULL THEN state ELSE 'returned' END AS state
FROM submission WHERE submission_id = :submission_id FOR UPDATE;

-- name: return_submission(submission_id, returned_by, reason)!
-- Send a version back; it stays, and never counts.
UPDATE submission SET returned_by = :returned_by, return_reason = :reason, returned_at = now()
WHERE submission_id = :submission_id;

-- name: submission_versions(unit, month, scheme)
-- Every version of a unit's month, the newest first.
SELECT submission_id, version, standing, total, reason, late, sent_by, received_at,
       signature IS NOT NULL AS signed, accepted_by, accepted_at, returned_by, returned_at,
       return_reason, CASE WHEN returned_at IS NULL THEN state ELSE 'returned' END AS state
FROM submission WHERE unit = :unit AND month = :month AND scheme = :scheme
ORDER BY version DESC;

-- name: networks()
-- Networks of reporting units that are loaded here.
SELECT DISTINCT network FROM membership ORDER BY network;

-- name: submission_in_force(unit, month, scheme)^
-- The version that counts today.
SELECT submission_id, version FROM submission
WHERE unit = :unit AND month = :month AND scheme = :scheme AND state = 'accepted' FOR UPDATE;

-- name: imported_in(unit, month)$
-- How many lines of history a unit has in a month.
SELECT count(*) FROM import_line
WHERE unit = :unit AND day >= :month AND day < (:month::date + interval '1 month');

-- name: change_counts_by(submission_id, replaced)!
-- Count what differs between a version and the one that it replaces, and nothing else.
INSERT INTO count_change
SELECT month, scheme, unit, code, 'phone', 'inbound', settlement, sum(n)::integer
FROM (
    SELECT s.month, s.scheme, s.unit, l.code, l.settlement,
           CASE WHEN s.submission_id = :submission_id THEN l.n ELSE -l.n END AS n
    FROM submission_line AS l JOIN submission AS s USING (submission_id)
    WHERE s.submission_id IN (:submission_id, coalesce(:replaced::bigint, -1))
) AS line
GROUP BY month, scheme, unit, code, settlement HAVING sum(n) <> 0;

-- name: set_submission_state(submission_id, state, accepted_by)!
-- Accept a version, or say that a later one replaced it; who first accepted it stays.
UPDATE submission
SET state = :state, accepted_by = coalesce(accepted_by, :accepted_by),
    accepted_at = coalesce(accepted_at, now())
WHERE submission_id = :submission_id;

-- name: reported(network, scheme, first, last)
-- Who stands how in some months: the version in force, else the newest received one.
SELECT unit.unit_id, unit.name, unit.reports_by, m.month::date AS month, s.version, s.standing,
       s.total, s.reason, s.state, s.late, s.returned,
       EXISTS (SELECT FROM import_line AS l JOIN import_file AS f USING (import_id)
               WHERE f.scheme = :scheme AND l.unit = unit.unit_id AND l.day >= m.month
                 AND l.day < m.month + interval '1 month') AS imported
FROM membership JOIN unit USING (unit_id)
CROSS JOIN generate_series(:first::date, :last::date, interval '1 month') AS m(month)
LEFT JOIN LATERAL (
    SELECT version, standing, total, reason, state, late, returned_at IS NOT NULL AS returned
    FROM submission
    WHERE unit = unit_id AND submission.month = m.month AND scheme = :scheme
      AND state <> 'replaced'
    ORDER BY state = 'accepted' DESC, version DESC LIMIT 1
) AS s ON true
WHERE network = :network AND since <= m.month AND until > m.month
ORDER BY m.month, position, unit.unit_id;
