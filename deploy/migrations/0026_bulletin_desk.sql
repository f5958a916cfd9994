-- The bulletin in the browser: its written part in versions, its files, and why it was sent back.

ALTER TABLE bulletin
    ADD COLUMN editorial text,
    ADD COLUMN outbound boolean NOT NULL DEFAULT false,
    ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD COLUMN compiled_version integer NOT NULL DEFAULT 1 CHECK (compiled_version <= version),
    ADD COLUMN return_reason text NOT NULL DEFAULT '';
COMMENT ON COLUMN bulletin.editorial IS 'The written part as JSON; null: compiled before it was kept.';
COMMENT ON COLUMN bulletin.version IS 'Of the written part: counts up when somebody saves it, so that two do not overwrite each other.';
COMMENT ON COLUMN bulletin.compiled_version IS 'The version that the document was compiled with; only a document with the newest may be reviewed.';
COMMENT ON COLUMN bulletin.return_reason IS 'Why it was last sent back from review; empty once it is sent there again.';

CREATE TABLE bulletin_file (
    bulletin_id   bigint      NOT NULL REFERENCES bulletin,
    form          text        NOT NULL CHECK (form IN ('json', 'html', 'xlsx', 'docx', 'pdf')),
    content       bytea       NOT NULL,
    PRIMARY KEY (bulletin_id, form)
);
ALTER TABLE bulletin_file ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE bulletin_file IS 'The document of a bulletin in every form, made with it; frozen with it.';

CREATE FUNCTION keep_published_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held bigint := CASE WHEN TG_OP = 'INSERT' THEN NEW.bulletin_id ELSE OLD.bulletin_id END;
BEGIN
    IF EXISTS (SELECT FROM bulletin WHERE bulletin_id = held AND state = 'published') THEN
        RAISE EXCEPTION 'bulletin % is published', held USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_published_file BEFORE INSERT OR UPDATE OR DELETE ON bulletin_file
    FOR EACH ROW EXECUTE FUNCTION keep_published_file();
