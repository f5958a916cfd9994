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
