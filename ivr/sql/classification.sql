-- name: store_verdicts(subjects, model, taxonomy, hashes, codes, guesses, confidences, flags, reviews)!
-- Write verdicts down; those that are there already stay as they are.
INSERT INTO classification
    (subject, model, taxonomy, input_sha256, code, guess, confidence, flags, review)
SELECT r.subject, :model, :taxonomy, r.hash, r.code, r.guess,
       string_to_array(r.confidence, ',')::real[],
       string_to_array(r.flags, ','), r.review
FROM unnest(:subjects::text[], :hashes::bytea[], :codes::text[], :guesses::text[],
            :confidences::text[], :flags::text[], :reviews::boolean[])
    AS r(subject, hash, code, guess, confidence, flags, review)
ON CONFLICT (subject, model, taxonomy, input_sha256) DO NOTHING;

-- name: confirm_category(subject, agent, taxonomy, code, guess, confidence, model, note)$
-- Add a person's label; earlier ones of the same request stay.
INSERT INTO confirmation (subject, agent, taxonomy, code, guess, confidence, model, note)
VALUES (:subject, :agent, :taxonomy, :code, :guess, :confidence::real[], :model, :note)
RETURNING confirmation_id;

-- name: confirmations_after(position, most)
-- People's labels in the order in which they came, with the note that they are about.
SELECT confirmation_id, subject, agent, taxonomy, code, guess, confidence, model, note, confirmed_at
FROM confirmation
WHERE confirmation_id > :position
ORDER BY confirmation_id
LIMIT :most;

-- name: run_position(name, model, taxonomy)^
-- How far a run has come; no row before its first batch.
SELECT position, done FROM classification_run
WHERE name = :name AND model = :model AND taxonomy = :taxonomy;

-- name: move_run(name, model, taxonomy, position, done)!
-- Move a run forward, in the transaction that stores its verdicts.
INSERT INTO classification_run (name, model, taxonomy, position, done)
VALUES (:name, :model, :taxonomy, :position, :done)
ON CONFLICT (name, model, taxonomy) DO UPDATE SET
    position = excluded.position, done = excluded.done, moved_at = now();

-- name: last_learning()^
-- The latest learning run, whatever came of it; no row before the first.
SELECT position, learnt_at FROM learning ORDER BY learning_id DESC LIMIT 1;

-- name: labels_since(position)^
-- How many labels came after a position, and the last of all.
SELECT count(*) AS labels, max(confirmation_id) AS position
FROM confirmation
WHERE confirmation_id > :position;

-- name: labels_to_learn(taxonomy, most)
-- The last label of each request, of the newest ones, with the agent who gave it.
SELECT note, code, agent
FROM (
    SELECT DISTINCT ON (subject) confirmation_id, note, code, agent
    FROM confirmation
    WHERE taxonomy = :taxonomy
    ORDER BY subject, confirmation_id DESC
) AS last
WHERE note <> ''
ORDER BY confirmation_id DESC
LIMIT :most;

-- name: store_learning(position, labels, model, before, taken, held, candidate, used)!
-- Write a learning run down.
INSERT INTO learning (position, labels, model, before, taken, held, candidate, used)
VALUES (:position, :labels, :model, :before, :taken, :held,
        :candidate::real[], :used::real[]);

-- name: labels_between(taxonomy, since, until)
-- People's labels of a period beside what the classifier had guessed.
SELECT subject, agent, code, guess
FROM confirmation
WHERE taxonomy = :taxonomy AND confirmed_at >= :since AND confirmed_at < :until
ORDER BY confirmation_id;
