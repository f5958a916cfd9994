-- What the classifier said and what people said. A person's label is a row of its own that nothing
-- changes; a verdict is single per subject, model, taxonomy and input, so a run over all history
-- may be repeated and broken off at will.

CREATE TABLE classification (
    subject       text        NOT NULL CHECK (subject ~ '^(call|request):.+$'),
    model         text        NOT NULL,
    taxonomy      text        NOT NULL,
    input_sha256  bytea       NOT NULL CHECK (length(input_sha256) = 32),
    code          text        NOT NULL,
    guess         text        NOT NULL CHECK (starts_with(guess, code)),
    confidence    real[]      NOT NULL CHECK (cardinality(confidence) = 4),
    flags         text[]      NOT NULL,
    review        boolean     NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, model, taxonomy, input_sha256)
);
CREATE INDEX classification_to_review ON classification (made_at) WHERE review;
COMMENT ON TABLE classification IS 'Verdicts; the text itself is not kept here, only the hash of what was read.';
COMMENT ON COLUMN classification.code IS 'Settled: the deepest level that the verdict is sure of; empty when none is.';

CREATE TABLE confirmation (
    confirmation_id bigint    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject       text        NOT NULL CHECK (subject ~ '^(call|request):.+$'),
    agent         text        NOT NULL CHECK (agent <> ''),
    taxonomy      text        NOT NULL,
    code          text        NOT NULL CHECK (code <> ''),
    guess         text        NOT NULL,
    confidence    real[]      NOT NULL,
    model         text        NOT NULL,
    note          text        NOT NULL,
    confirmed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX confirmation_of_subject ON confirmation (subject);
COMMENT ON TABLE confirmation IS 'People''s labels, beside what the classifier had guessed. Only ever added to.';

CREATE FUNCTION refuse_confirmation_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a confirmation is never changed: add another one';
END $$;
CREATE TRIGGER confirmation_stays BEFORE UPDATE OR DELETE ON confirmation
    FOR EACH ROW EXECUTE FUNCTION refuse_confirmation_change();

CREATE TABLE classification_run (
    name          text        NOT NULL,
    model         text        NOT NULL,
    taxonomy      text        NOT NULL,
    position      bigint      NOT NULL DEFAULT 0,
    done          bigint      NOT NULL DEFAULT 0,
    moved_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, model, taxonomy)
);
COMMENT ON TABLE classification_run IS 'How far a run over history has come; moves only together with its verdicts.';

GRANT SELECT, INSERT ON classification, confirmation TO hotline_ledger;
GRANT SELECT, INSERT, UPDATE ON classification_run TO hotline_ledger;
REVOKE ALL ON FUNCTION refuse_confirmation_change() FROM PUBLIC;
