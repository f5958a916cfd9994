-- What is looked up at each ring and in each report, without reading whole partitions.

CREATE INDEX queue_visit_entered ON queue_visit USING brin (entered_at);
CREATE INDEX missed_caller_call ON missed_caller (call_id);
