-- Work orders, as far as a caller may ask about them: number, state, next date. What an order is
-- about comes with the people's side; whoever extends this table need not touch the look-up.

CREATE TABLE work_order_state (
    state         text        PRIMARY KEY CHECK (state ~ '^[a-z_]{1,32}$'),
    name          text        NOT NULL UNIQUE,
    position      smallint    NOT NULL UNIQUE,
    final         boolean     NOT NULL
);
COMMENT ON TABLE work_order_state IS 'The closed set of states; callers hear the prompt p_wo_<state>.';
INSERT INTO work_order_state VALUES
    ('draft', '待受理', 1, false),
    ('accepted', '已受理', 2, false),
    ('settled', '当场办结', 3, true),
    ('dispatched', '已转办', 4, false),
    ('signed', '已签收', 5, false),
    ('in_progress', '办理中', 6, false),
    ('replied', '已反馈', 7, false),
    ('returned', '退回重办', 8, false),
    ('follow_up', '回访中', 9, false),
    ('suspended', '已挂起', 10, false),
    ('closed', '已办结', 11, true),
    ('archived', '已归档', 12, true),
    ('withdrawn', '已撤诉', 13, true),
    ('merged', '已并单', 14, true);

CREATE TABLE work_order (
    number        text        PRIMARY KEY CHECK (number ~ '^[0-9]{8,20}$'),
    state         text        NOT NULL DEFAULT 'draft' REFERENCES work_order_state,
    contact       text        CHECK (contact ~ '^[0-9]{4,20}$'),
    confidential  boolean     NOT NULL DEFAULT false,
    next_date     date,
    opened_at     timestamptz NOT NULL DEFAULT now(),
    closed_at     timestamptz
);
CREATE INDEX work_order_asked ON work_order (right(number, 6), right(contact, 4));
COMMENT ON TABLE work_order IS '工单. The contact is readable by the owner alone; others have it masked, or compare four digits.';
COMMENT ON COLUMN work_order.contact IS 'Telephone number that the citizen left; NULL when anonymous.';
COMMENT ON COLUMN work_order.confidential IS 'Nothing is told about it by machine.';
COMMENT ON COLUMN work_order.next_date IS 'When the next step is due, as a citizen may be told.';

CREATE FUNCTION close_work_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended boolean := (SELECT final FROM work_order_state WHERE state = NEW.state);
BEGIN
    NEW.closed_at := CASE WHEN ended THEN coalesce(NEW.closed_at, now()) END;
    RETURN NEW;
END $$;
CREATE TRIGGER close_by_state BEFORE INSERT OR UPDATE OF state ON work_order FOR EACH ROW
    EXECUTE FUNCTION close_work_order();

CREATE FUNCTION work_order_progress(tail text, last_four text)
    RETURNS TABLE (state text, next_date date)
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.state, w.next_date
    FROM work_order AS w
    WHERE right(w.number, 6) = tail AND right(w.contact, 4) = last_four
        AND NOT w.confidential
    LIMIT 2
$$;
COMMENT ON FUNCTION work_order_progress IS 'All that the voice menu may know of an order; two rows: the digits name more than one.';

REVOKE ALL ON FUNCTION close_work_order(), work_order_progress(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work_order_progress(text, text) TO hotline_bridge;
GRANT SELECT ON work_order_state TO hotline_bridge, hotline_report;

CREATE VIEW report.work_order AS
    SELECT number, state, masked_number(contact) AS contact, confidential, next_date, opened_at,
           closed_at
    FROM public.work_order;
GRANT SELECT ON report.work_order TO hotline_report;
