-- Numbers that are held back as harassing enter no figure of the service, also where they reached the
-- psychological line and an agent spoke with them. Their calls stay on record, in a bucket of their own.

CREATE INDEX call_blocked ON call (opened_at, call_id) WHERE disposition = 'blocked';

CREATE VIEW report.counted_visit AS
    SELECT v.*
    FROM public.queue_visit AS v
    WHERE NOT EXISTS (SELECT FROM public.call AS c
                      WHERE c.opened_at = v.opened_at AND c.call_id = v.call_id
                          AND c.disposition = 'blocked');
COMMENT ON VIEW report.counted_visit IS 'Stays in queues from which reports are made.';
GRANT SELECT ON report.counted_visit TO hotline_report;
