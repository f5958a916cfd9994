-- name: saved_reports(person)
-- The reports that somebody may open: his own, and those that others share.
SELECT s.saved_id, s.owner, u.name AS owner_name, s.name, s.report, s.period, s.queue, s.agent,
       s.unit, s.shared
FROM saved_report AS s JOIN user_account AS u ON u.person = s.owner
WHERE s.deleted_at IS NULL AND (s.owner = :person OR s.shared)
ORDER BY s.owner <> :person, s.name, s.saved_id;

-- name: saved_report(saved_id, person)^
-- One of them.
SELECT s.saved_id, s.owner, u.name AS owner_name, s.name, s.report, s.period, s.queue, s.agent,
       s.unit, s.shared
FROM saved_report AS s JOIN user_account AS u ON u.person = s.owner
WHERE s.saved_id = :saved_id AND s.deleted_at IS NULL AND (s.owner = :person OR s.shared);

-- name: count_saved_reports(owner)$
-- How many somebody keeps.
SELECT count(*) FROM saved_report WHERE owner = :owner AND deleted_at IS NULL;

-- name: save_report(owner, name, report, period, queue, agent, unit, shared)$
-- Keep a report; nothing when its owner has one of that name.
INSERT INTO saved_report (owner, name, report, period, queue, agent, unit, shared)
VALUES (:owner, :name, :report, :period, :queue, :agent, :unit, :shared)
ON CONFLICT (owner, name) WHERE deleted_at IS NULL DO NOTHING
RETURNING saved_id;

-- name: change_saved_report(saved_id, owner, name, report, period, queue, agent, unit, shared)$
-- Change one's own; a name that another one has is refused by the index.
UPDATE saved_report
SET name = :name, report = :report, period = :period, queue = :queue, agent = :agent, unit = :unit,
    shared = :shared
WHERE saved_id = :saved_id AND owner = :owner AND deleted_at IS NULL
RETURNING saved_id;

-- name: delete_saved_report(saved_id, owner)$
-- Put one's own away; nothing is mailed of it meanwhile.
UPDATE saved_report SET deleted_at = now()
WHERE saved_id = :saved_id AND owner = :owner AND deleted_at IS NULL
RETURNING saved_id;

-- name: restore_saved_report(saved_id, owner)$
-- Bring it back.
UPDATE saved_report SET deleted_at = NULL
WHERE saved_id = :saved_id AND owner = :owner AND deleted_at IS NOT NULL
RETURNING saved_id;
