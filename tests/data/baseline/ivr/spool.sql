-- name: spool_cursor(node, head)^
-- How far the newest generation of a file has been read.
SELECT file_id, generation, position, tail
FROM spool_file
WHERE node = :node AND head = :head
ORDER BY generation DESC
LIMIT 1;

-- name: open_spool_file(node, head, generation, name, device, inode)^
-- Begin a file, or a new generation of one that was truncated; a second beginner gets the same row.
INSERT INTO spool_file (node, head, generation, name, device, inode)
VALUES (:node, :head, :generation, :name, :device, :inode)
ON CONFLICT (node, head, generation) DO UPDATE SET name = excluded.name
RETURNING file_id, generation, position, tail;

-- name: lock_spool_cursor(file_id, position)$
-- Hold the cursor until the transaction ends; NULL when another reader has moved it meanwhile.
SELECT file_id
FROM spool_file
WHERE file_id = :file_id AND position = :position
FOR UPDATE;

-- name: advance_spool_cursor(file_id, position, tail, name, device, inode)!
-- Move the cursor together with the lines.
UPDATE spool_file
SET position = :position, tail = :tail, name = :name, device = :device, inode = :inode,
    read_at = now()
WHERE file_id = :file_id;

-- name: quarantine_bytes(node, file_id, positions, reasons, contents)!
-- Keep bytes that are no record.
INSERT INTO quarantine (node, file_id, position, reason, content)
SELECT :node, :file_id, r.position, r.reason, r.content
FROM unnest(:positions::bigint[], :reasons::text[], :contents::bytea[])
    AS r(position, reason, content)
ON CONFLICT (file_id, position) DO NOTHING;

-- name: make_partitions(month)$
-- Make the partitions of one month, given by any day of it.
SELECT make_partitions(:month::date);

-- name: make_partitions_ahead(months)$
-- Make the partitions of this month and the next ones.
SELECT make_partitions_ahead(:months::integer);

-- name: note_boots(nodes, boots)
-- Write down starts of Asterisk; returns those not known before.
INSERT INTO engine_boot (node, boot)
SELECT r.node, r.boot
FROM unnest(:nodes::text[], :boots::bigint[]) AS r(node, boot)
ON CONFLICT (node, boot) DO NOTHING
RETURNING node, boot;

-- name: newest_boots()
-- The newest known start of each Asterisk.
SELECT node, max(boot) AS boot
FROM engine_boot
GROUP BY node;

-- name: mark_due(call_ids, opened_at, nodes, ended)!
-- Calls with new lines are to be folded. The update locks a row that is there already, so that a
-- folding at this moment cannot remove it without having seen our lines.
INSERT INTO fold_due (call_id, opened_at, node, ended)
SELECT r.call_id, r.opened_at, r.node, r.ended
FROM unnest(:call_ids::text[], :opened_at::timestamptz[], :nodes::text[], :ended::boolean[])
    AS r(call_id, opened_at, node, ended)
ON CONFLICT (call_id) DO UPDATE SET ended = fold_due.ended OR excluded.ended;

-- name: mark_lost_calls_due()!
-- Open calls of an Asterisk that has started anew since: they will never end by themselves.
INSERT INTO fold_due (call_id, opened_at, node, ended)
SELECT call_id, opened_at, call.node, true
FROM call
JOIN (SELECT node, max(boot) AS boot FROM engine_boot GROUP BY node) AS newest
    ON newest.node = call.node AND newest.boot > call.boot
WHERE NOT call.final
ON CONFLICT (call_id) DO UPDATE SET ended = true;
