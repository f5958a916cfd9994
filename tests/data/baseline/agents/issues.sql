-- name: ranked_totals(network, first, last)
-- Totals of another network's units by month, whatever detail they sent.
SELECT s.month, u.unit_id, u.name, u.brief_name, u.heading_name, m.position,
       sum(s.total)::integer AS total
FROM membership AS m JOIN unit AS u USING (unit_id)
JOIN submission AS s ON s.unit = u.unit_id AND s.state = 'accepted'
WHERE m.network = :network AND s.month BETWEEN :first AND :last
  AND m.since <= s.month AND m.until > s.month
GROUP BY s.month, u.unit_id, m.position;

-- name: issue_in_work(scheme, first, last)^
-- The draft or the issue in review of some months.
SELECT bulletin_id, state FROM bulletin
WHERE scheme = :scheme AND first_month = :first AND last_month = :last AND state <> 'published'
FOR UPDATE;

-- name: store_issue(scheme, first, last, issue, document, watermark, changed_by)^
-- Begin a draft.
INSERT INTO bulletin (scheme, first_month, last_month, issue, state, document, watermark, changed_by)
VALUES (:scheme, :first, :last, :issue, 'draft', :document, :watermark, :changed_by)
RETURNING bulletin_id;

-- name: replace_issue(bulletin_id, issue, document, watermark, changed_by)!
-- Compile a draft anew; one in review becomes a draft again.
UPDATE bulletin
SET issue = :issue, document = :document, watermark = :watermark, changed_by = :changed_by,
    changed_at = now(), state = 'draft'
WHERE bulletin_id = :bulletin_id;

-- name: issue(bulletin_id)^
-- One issue, locked against a second change.
SELECT bulletin_id, state, document, watermark, changed_by FROM bulletin
WHERE bulletin_id = :bulletin_id FOR UPDATE;

-- name: set_issue_state(bulletin_id, state, changed_by)!
-- Move an issue on; publishing sets the moment.
UPDATE bulletin
SET state = :state, changed_by = :changed_by, changed_at = now(),
    published_at = CASE WHEN :state = 'published' THEN now() END
WHERE bulletin_id = :bulletin_id;

-- name: replace_issue_document(bulletin_id, document, watermark)!
-- Take the word draft out of an issue that is about to be published.
UPDATE bulletin SET document = :document, watermark = :watermark WHERE bulletin_id = :bulletin_id;
