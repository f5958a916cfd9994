-- name: note_in_audit(actor, action, object, detail)!
-- Write a line of the audit, in the transaction of what it tells.
INSERT INTO audit (actor, action, object, detail) VALUES (:actor, :action, :object, :detail::jsonb);
