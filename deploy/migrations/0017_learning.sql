-- What each learning run read, and what came of it: a model taken, or refused as worse.

CREATE TABLE learning (
    learning_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position      bigint      NOT NULL,
    labels        integer     NOT NULL CHECK (labels >= 0),
    model         text        NOT NULL CHECK (model <> ''),
    before        text        NOT NULL,
    taken         boolean     NOT NULL,
    held          integer     NOT NULL CHECK (held >= 0),
    candidate     real[]      NOT NULL,
    used          real[]      NOT NULL,
    learnt_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE learning IS 'Learning runs from people''s labels; refused models too, with both figures.';
COMMENT ON COLUMN learning.position IS 'The last confirmation that the run has read.';
COMMENT ON COLUMN learning.candidate IS 'Accuracy on the held share: service, levels 1 to 3, exact code; empty with too few held.';

GRANT SELECT, INSERT ON learning TO hotline_ledger;
