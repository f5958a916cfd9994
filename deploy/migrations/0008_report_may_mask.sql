-- A view runs with its owner's rights on tables but with its reader's on functions.

GRANT EXECUTE ON FUNCTION masked_number(text) TO hotline_report;
