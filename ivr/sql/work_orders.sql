-- name: work_order_progress(tail, last_four)
-- What may be told by telephone of the order with these last six digits and this caller's last four;
-- two rows: the digits fit more than one.
SELECT state, next_date
FROM work_order_progress(:tail, :last_four);
