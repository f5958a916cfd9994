-- What the bridge knows of a caller before the first prompt, and the emergency switch.
--
-- Numbers are kept as ivr.callers.national_number writes them: without +86, and without the 0 that
-- some carriers put before a mobile of another province. A withheld number has no row anywhere.

CREATE TABLE caller_profile (
    number        text        PRIMARY KEY CHECK (number ~ '^[0-9]{3,20}$'),
    elderly       boolean     NOT NULL DEFAULT false,
    born          date,
    noted_by      text        NOT NULL,
    noted_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE caller_profile IS 'How a caller is answered: flagged elderly by an agent, or registered with a date of birth.';

CREATE TABLE harassment_mark (
    mark_id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number        text        NOT NULL CHECK (number ~ '^[0-9]{3,20}$'),
    call_id       text,
    reason        text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    marked_by     text        NOT NULL,
    marked_at     timestamptz NOT NULL DEFAULT now(),
    state         text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'confirmed', 'dismissed')),
    judged_by     text        CHECK (judged_by <> marked_by),
    judged_at     timestamptz,
    CHECK ((state = 'open') = (judged_by IS NULL AND judged_at IS NULL))
);
CREATE INDEX harassment_mark_open ON harassment_mark (marked_at) WHERE state = 'open';
CREATE INDEX harassment_mark_confirmed ON harassment_mark (number, judged_at) WHERE state = 'confirmed';
COMMENT ON TABLE harassment_mark IS '骚扰来电: an agent marks a call, another person confirms or dismisses it. Nothing blocks by itself.';

CREATE TABLE caller_block (
    block_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mark_id       bigint      NOT NULL UNIQUE REFERENCES harassment_mark,
    number        text        NOT NULL CHECK (number ~ '^[0-9]{3,20}$'),
    level         smallint    NOT NULL CHECK (level BETWEEN 1 AND 3),
    reason        text        NOT NULL,
    marked_by     text        NOT NULL,
    approved_by   text        NOT NULL CHECK (approved_by <> marked_by),
    begins_at     timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    lifted_by     text,
    lifted_at     timestamptz,
    CHECK (expires_at > begins_at AND expires_at <= begins_at + interval '7 days'),
    CHECK ((lifted_by IS NULL) = (lifted_at IS NULL))
);
CREATE INDEX caller_block_number ON caller_block (number, expires_at);
COMMENT ON TABLE caller_block IS 'Made by a confirmation and by nothing else; never longer than seven days.';
COMMENT ON COLUMN caller_block.level IS '1 hears a warning; 2 and 3 have self-service, the emergency notice and psych only.';

-- Repeated abandons lift a caller; the index holds these few calls only.
CREATE INDEX call_given_up ON call (caller, opened_at) WHERE disposition = 'abandoned_in_queue';

CREATE TABLE surge_order (
    order_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    is_on         boolean     NOT NULL,
    announcement  text        NOT NULL DEFAULT 'p_surge' CHECK (announcement ~ '^[a-z][a-z0-9_]{0,31}$'),
    text_zh       text        CHECK (length(text_zh) BETWEEN 1 AND 500),
    text_en       text        CHECK (length(text_en) BETWEEN 1 AND 1000),
    queues        text[]      NOT NULL DEFAULT '{}',
    ends_at       timestamptz,
    reason        text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    ordered_by    text        NOT NULL,
    ordered_at    timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON surge_order
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE surge_order IS 'The emergency switch: the newest row says whether it is on. Insert only, so who and when stay.';
COMMENT ON COLUMN surge_order.text_zh IS 'A spoken announcement instead of the prompt named; text_en for the English branch.';
