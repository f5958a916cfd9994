-- name: search_articles(question, lineage, on, most)
-- Articles in force that hold what was asked, titles first; by category when nothing was asked. At
-- most 400 that have it in their title, and 400 that have it anywhere, are weighed against each
-- other: to weigh an article its words are read whole, and a common word stands in thousands.
WITH in_force AS NOT MATERIALIZED (
    SELECT article_id, version, words
    FROM article_version
    WHERE state = 'approved'
      AND (cardinality(:lineage::text[]) = 0 OR categories && :lineage)
      AND (valid_from IS NULL OR valid_from <= :on) AND (valid_until IS NULL OR valid_until > :on)
), candidate AS (
    (SELECT article_id, version FROM in_force
     WHERE :question::text <> '' AND ts_filter(words, '{a}') @@ :question::text::tsquery
     ORDER BY article_id LIMIT 400)
    UNION
    (SELECT article_id, version FROM in_force
     WHERE :question::text = '' OR words @@ :question::text::tsquery
     ORDER BY article_id LIMIT 400)
)
SELECT article_id, version, title, categories, answer, sources, valid_from, valid_until,
       CASE WHEN :question::text = '' THEN 0 ELSE ts_rank(words, :question::text::tsquery) END AS rank
FROM candidate JOIN article_version USING (article_id, version)
ORDER BY rank DESC, article_id
LIMIT :most;

-- name: newest_articles(on, most)
-- Articles in force, the one that came into force last first.
SELECT article_id, version, title, categories, answer, sources
FROM article_version
WHERE state = 'approved'
  AND (valid_from IS NULL OR valid_from <= :on) AND (valid_until IS NULL OR valid_until > :on)
ORDER BY judged_at DESC, article_id
LIMIT :most;

-- name: add_article(slug)$
-- A place for an article's versions; NULL when its name is taken.
INSERT INTO article (slug) VALUES (:slug) ON CONFLICT (slug) DO NOTHING RETURNING article_id;

-- name: article_named(slug)$
-- The article of an imported file.
SELECT article_id FROM article WHERE slug = :slug;

-- name: lock_article(article_id)^
-- One writer of an article at a time; no row when there is none.
SELECT article_id, slug FROM article WHERE article_id = :article_id FOR UPDATE;

-- name: write_article(article_id, content, words, written_by)$
-- A further version, to be judged by somebody else.
INSERT INTO article_version (article_id, version, state, title, categories, answer, body, sources,
                             valid_from, valid_until, written_by, words)
SELECT :article_id,
       coalesce((SELECT max(version) FROM article_version WHERE article_id = :article_id), 0) + 1,
       'review', c.title, c.categories, c.answer, c.body, c.sources, c.valid_from, c.valid_until,
       :written_by, :words::text::tsvector
FROM jsonb_to_record(:content::jsonb) AS c(
    title text, categories text[], answer text, body text, sources text[], valid_from date,
    valid_until date)
RETURNING version;

-- name: versions_of_article(article_id)
-- Every version of an article, the newest first.
SELECT article_version.article_id, slug, version, state, title, categories, answer, body, sources,
       valid_from, valid_until, written_by, written_at, judged_by, judged_at, remark
FROM article_version JOIN article USING (article_id)
WHERE article_version.article_id = :article_id
ORDER BY version DESC;

-- name: articles_in_review(most)
-- Versions that wait for a judgement, the oldest first.
SELECT article_version.article_id, slug, version, state, title, categories, answer, body, sources,
       valid_from, valid_until, written_by, written_at, judged_by, judged_at, remark
FROM article_version JOIN article USING (article_id)
WHERE state = 'review'
ORDER BY written_at, article_id
LIMIT :most;

-- name: replace_article(article_id, state)!
-- The version in force is so no more.
UPDATE article_version SET state = :state WHERE article_id = :article_id AND state = 'approved';

-- name: judge_article(article_id, version, state, judged_by, remark)!
-- A judgement of a version that waits for it, by somebody who did not write it.
UPDATE article_version
SET state = :state, judged_by = :judged_by, judged_at = now(), remark = :remark
WHERE article_id = :article_id AND version = :version AND state = 'review'
  AND written_by <> :judged_by;

-- name: remark_on_article(article_id, kind, note, made_by)$
-- Somebody found an article wrong or out of date, or missed one.
INSERT INTO article_remark (article_id, kind, note, made_by)
VALUES (:article_id, :kind, :note, :made_by)
RETURNING remark_id;

-- name: open_remarks(most)
-- Remarks that nobody has dealt with, the oldest first.
SELECT remark_id, article_id, kind, note, made_by, made_at
FROM article_remark
WHERE closed_at IS NULL
ORDER BY made_at, remark_id
LIMIT :most;

-- name: close_remark(remark_id, closed_by)!
-- A remark was dealt with.
UPDATE article_remark SET closed_by = :closed_by, closed_at = now()
WHERE remark_id = :remark_id AND closed_at IS NULL;
