-- One row for all lines of a call in one stretch of the journal, instead of one row a line: taking
-- in is bound by rows and index entries, not by bytes. A row written before this holds one line.

ALTER TABLE spool_line RENAME COLUMN line TO lines;
COMMENT ON TABLE spool_line IS 'CEL lines as written, those of a call in one stretch of a file together; insert only. Records are folded from these and nothing else.';
COMMENT ON COLUMN spool_line.lines IS 'One or more lines in the order of the file, with line ends between them.';
COMMENT ON COLUMN spool_line.position IS 'Offset of the first of the lines in the file.';
