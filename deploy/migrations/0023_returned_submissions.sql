-- A submission that is sent back stays as it came, with who sent it back and why.

ALTER TABLE submission
    ADD COLUMN returned_by text,
    ADD COLUMN returned_at timestamptz,
    ADD COLUMN return_reason text;
COMMENT ON COLUMN submission.returned_at IS 'Then it never counts; the unit sends another version.';
