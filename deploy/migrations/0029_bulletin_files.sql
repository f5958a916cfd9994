-- Files of bulletins: an old published one gets those it lacks, and none moves into a published one.

CREATE OR REPLACE FUNCTION keep_published_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held bigint[] := CASE TG_OP WHEN 'INSERT' THEN '{}'::bigint[]
                                WHEN 'DELETE' THEN ARRAY[OLD.bulletin_id]
                                ELSE ARRAY[OLD.bulletin_id, NEW.bulletin_id] END;
    standing text;
BEGIN
    -- Locked, so that nobody publishes it while its files are changed. A file that is there cannot
    -- be inserted again: its key is taken.
    FOR standing IN SELECT state FROM bulletin WHERE bulletin_id = ANY(held)
                 ORDER BY bulletin_id FOR SHARE LOOP
        IF standing = 'published' THEN
            RAISE EXCEPTION 'bulletin % is published', held
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    END LOOP;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
COMMENT ON TABLE bulletin_file IS 'The document of a bulletin in every form, made with it; of a published one each is frozen once it is there.';
