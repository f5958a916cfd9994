-- The desk: the form of a call, an agent's presence, and the knowledge base.

-- The form ----------------------------------------------------------------------------------------

CREATE TABLE draft (
    call_id       text        NOT NULL CHECK (call_opened_at(call_id) IS NOT NULL),
    person        text        NOT NULL REFERENCES user_account,
    version       integer     NOT NULL CHECK (version > 0),
    content       jsonb       NOT NULL,
    saved_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, call_id)
);
COMMENT ON TABLE draft IS 'What somebody has typed of a call''s form; gone with the save that makes requests of it.';

CREATE TABLE request_version (
    request_id    bigint      NOT NULL,
    version       integer     NOT NULL CHECK (version > 0),
    call_id       text        NOT NULL CHECK (call_opened_at(call_id) IS NOT NULL),
    position      integer     NOT NULL CHECK (position > 0),
    scheme        text        NOT NULL,
    code          text        NOT NULL,
    settlement    text        NOT NULL CHECK (settlement IN ('on_the_spot', 'transferred', 'open')),
    transferred_to text       NOT NULL DEFAULT '',
    note          text        NOT NULL DEFAULT '',
    region        text        NOT NULL DEFAULT '',
    red_flags     text[]      NOT NULL DEFAULT '{}',
    risk          jsonb,
    suspected_event boolean   NOT NULL DEFAULT false,
    articles      bigint[]    NOT NULL DEFAULT '{}',
    withdrawn     boolean     NOT NULL DEFAULT false,
    written_by    text        NOT NULL,
    written_at    timestamptz NOT NULL DEFAULT now(),
    reason        text        NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, version),
    CHECK (version = 1 OR reason <> '')
);
CREATE INDEX request_version_call ON request_version (call_id);
CREATE INDEX request_version_day ON request_version (written_by, written_at);
COMMENT ON TABLE request_version IS 'What people wrote of a request, every version of it; the newest is in force. Insert only.';
COMMENT ON COLUMN request_version.risk IS 'Of a self-harm call: level, what was asked and answered, and the caller''s own 0 to 100.';
COMMENT ON COLUMN request_version.reason IS 'Why it was corrected or withdrawn.';
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON request_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A caller's earlier calls, while the telephone rings.
CREATE INDEX call_by_caller ON call (caller, opened_at) WHERE caller <> '';

-- Presence ----------------------------------------------------------------------------------------

CREATE TABLE presence (
    person        text        PRIMARY KEY REFERENCES user_account,
    state         text        NOT NULL CHECK (state IN ('available', 'wrap_up', 'paused', 'away')),
    reason        text        NOT NULL DEFAULT '',
    call_id       text        NOT NULL DEFAULT '',
    since         timestamptz NOT NULL DEFAULT now(),
    until         timestamptz
);
COMMENT ON TABLE presence IS 'What an agent means to do; a pause in the queues is its effect.';
COMMENT ON COLUMN presence.call_id IS 'The call that is being wrapped up, or the last one.';
COMMENT ON COLUMN presence.until IS 'When a wrap-up ends by itself.';

CREATE TABLE presence_log (
    log_id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person        text        NOT NULL,
    state         text        NOT NULL,
    reason        text        NOT NULL,
    call_id       text        NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz
);
CREATE INDEX presence_log_person ON presence_log (person, since);
CREATE UNIQUE INDEX presence_log_open ON presence_log (person) WHERE until IS NULL;
COMMENT ON TABLE presence_log IS 'States as shown, ringing and talking among them: one row a stay, the last one open.';

-- Knowledge ---------------------------------------------------------------------------------------

CREATE TABLE article (
    article_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug          text        UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,79}$'),
    made_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN article.slug IS 'Name of the file in an import or export of Markdown.';

CREATE TABLE article_version (
    article_id    bigint      NOT NULL REFERENCES article,
    version       integer     NOT NULL CHECK (version > 0),
    state         text        NOT NULL CHECK (state IN ('review', 'approved', 'refused', 'replaced', 'retired')),
    title         text        NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
    categories    text[]      NOT NULL,
    answer        text        NOT NULL,
    body          text        NOT NULL,
    sources       text[]      NOT NULL,
    valid_from    date,
    valid_until   date        CHECK (valid_until > valid_from),
    written_by    text        NOT NULL,
    written_at    timestamptz NOT NULL DEFAULT now(),
    judged_by     text        CHECK (judged_by <> written_by),
    judged_at     timestamptz,
    remark        text        NOT NULL DEFAULT '',
    words         tsvector    NOT NULL,
    PRIMARY KEY (article_id, version),
    CHECK ((state = 'review') = (judged_by IS NULL))
);
CREATE UNIQUE INDEX article_in_force ON article_version (article_id) WHERE state = 'approved';
CREATE UNIQUE INDEX article_in_review ON article_version (article_id) WHERE state = 'review';
CREATE INDEX article_words ON article_version USING gin (words) WHERE state = 'approved';
CREATE INDEX article_categories ON article_version USING gin (categories) WHERE state = 'approved';
COMMENT ON TABLE article_version IS 'Versions of an article; whoever wrote one does not judge it. At most one is in force.';
COMMENT ON COLUMN article_version.answer IS '标准口径: what an agent says.';
COMMENT ON COLUMN article_version.words IS 'Pairs of Chinese characters and Latin words, made by agents/bigrams.py.';

CREATE TABLE article_remark (
    remark_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    article_id    bigint      REFERENCES article,
    kind          text        NOT NULL CHECK (kind IN ('wrong', 'outdated', 'missing')),
    note          text        NOT NULL CHECK (length(note) BETWEEN 1 AND 1000),
    made_by       text        NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    closed_by     text,
    closed_at     timestamptz,
    CHECK ((kind = 'missing') = (article_id IS NULL)),
    CHECK ((closed_by IS NULL) = (closed_at IS NULL))
);
CREATE INDEX article_remark_open ON article_remark (made_at) WHERE closed_at IS NULL;
COMMENT ON TABLE article_remark IS 'What agents found wrong in an article, or missed altogether.';
