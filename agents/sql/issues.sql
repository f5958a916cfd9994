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
-- The draft or the issue in review of some months; its document too when its text is only there.
SELECT bulletin_id, state, issue, editorial, outbound, version, changed_by,
       CASE WHEN editorial IS NULL THEN document END AS document
FROM bulletin
WHERE scheme = :scheme AND first_month = :first AND last_month = :last AND state <> 'published';

-- name: lock_issue_in_work(scheme, first, last)$
-- Hold off others who would change the draft or the issue in review of some months.
SELECT bulletin_id FROM bulletin
WHERE scheme = :scheme AND first_month = :first AND last_month = :last AND state <> 'published'
FOR UPDATE;

-- name: newest_issue(scheme, first, last)^
-- The issue whose written part a new one begins with: of the same months, else the newest one.
SELECT first_month = :first AND last_month = :last AS same_months, issue, editorial,
       CASE WHEN editorial IS NULL THEN document END AS document
FROM bulletin WHERE scheme = :scheme
ORDER BY (first_month = :first AND last_month = :last) DESC, last_month DESC, bulletin_id DESC
LIMIT 1;

-- name: store_issue(scheme, first, last, issue, document, watermark, editorial, outbound, changed_by)^
-- Begin a draft; no row when somebody else has begun one.
INSERT INTO bulletin (scheme, first_month, last_month, issue, state, document, watermark, editorial,
                      outbound, changed_by)
VALUES (:scheme, :first, :last, :issue, 'draft', :document, :watermark, :editorial, :outbound,
        :changed_by)
ON CONFLICT DO NOTHING
RETURNING bulletin_id;

-- name: keep_compiled(bulletin_id, version, outbound, document, watermark, editorial)!
-- Compile a draft anew with a version of its written part, which only lacks in old issues.
UPDATE bulletin
SET document = :document, watermark = :watermark, outbound = :outbound, compiled_version = :version,
    editorial = coalesce(editorial, :editorial)
WHERE bulletin_id = :bulletin_id;

-- name: write_issue(bulletin_id, version, issue, editorial, changed_by)^
-- Save the written part of a draft; no row when it is none, or somebody else has saved meanwhile.
UPDATE bulletin
SET editorial = :editorial, issue = :issue, version = version + 1, changed_by = :changed_by,
    changed_at = now()
WHERE bulletin_id = :bulletin_id AND version = :version::bigint AND state = 'draft'
RETURNING version;

-- name: issue(bulletin_id)^
-- One issue.
SELECT bulletin_id, scheme, first_month, last_month, state, issue, document, watermark, editorial,
       outbound, version, compiled_version, changed_by, changed_at, published_at, return_reason,
       (SELECT count(*)::integer FROM bulletin AS other
        WHERE other.scheme = bulletin.scheme AND other.first_month = bulletin.first_month
          AND other.last_month = bulletin.last_month
          AND other.bulletin_id <= bulletin.bulletin_id) AS edition
FROM bulletin
WHERE bulletin_id = :bulletin_id;

-- name: lock_issue(bulletin_id)$
-- Hold off others who would change an issue.
SELECT bulletin_id FROM bulletin WHERE bulletin_id = :bulletin_id FOR UPDATE;

-- name: issues(most)
-- The issues of the newest months, each with how many of the same months there are up to it.
SELECT bulletin_id, scheme, first_month, last_month, state, issue, watermark, version,
       compiled_version, changed_by, changed_at, published_at, return_reason,
       row_number() OVER (PARTITION BY scheme, first_month, last_month ORDER BY bulletin_id)
           ::integer AS edition
FROM bulletin ORDER BY last_month DESC, scheme, bulletin_id DESC LIMIT :most;

-- name: issue_forms(bulletin_id)
-- The forms in which an issue's document is kept; the page's mark is another for another page.
SELECT form, CASE WHEN form = 'html' THEN left(encode(sha256(content), 'hex'), 16) END AS mark
FROM bulletin_file WHERE bulletin_id = :bulletin_id ORDER BY form;

-- name: issue_files(bulletin_id)
-- An issue's document in every form that is kept.
SELECT form, content FROM bulletin_file WHERE bulletin_id = :bulletin_id ORDER BY form;

-- name: issue_file(bulletin_id, form)^
-- An issue's document in one form.
SELECT b.scheme, b.first_month, b.last_month, b.state, b.issue, f.content
FROM bulletin_file AS f JOIN bulletin AS b USING (bulletin_id)
WHERE f.bulletin_id = :bulletin_id AND f.form = :form;

-- name: drop_issue_files(bulletin_id)!
-- Forget the files of a document that is replaced.
DELETE FROM bulletin_file WHERE bulletin_id = :bulletin_id;

-- name: keep_issue_file(bulletin_id, form, content)!
-- Keep an issue's document in one form.
INSERT INTO bulletin_file (bulletin_id, form, content) VALUES (:bulletin_id, :form, :content);

-- name: set_issue_state(bulletin_id, state, changed_by)!
-- Move an issue on; publishing sets the moment.
UPDATE bulletin
SET state = :state, changed_by = :changed_by, changed_at = now(), return_reason = '',
    published_at = CASE WHEN :state = 'published' THEN now() END
WHERE bulletin_id = :bulletin_id;

-- name: return_issue(bulletin_id, reason, changed_by)!
-- Send an issue back from review; it is a draft again, and says why.
UPDATE bulletin
SET state = 'draft', return_reason = :reason, changed_by = :changed_by, changed_at = now()
WHERE bulletin_id = :bulletin_id;

-- name: replace_issue_document(bulletin_id, document, watermark)!
-- Take the word draft out of an issue that is about to be published.
UPDATE bulletin SET document = :document, watermark = :watermark WHERE bulletin_id = :bulletin_id;
