-- name: traffic_by_half_hour(queue, since, until, days)
-- What a queue had to carry in each half-hour of a day of the centre, as a mean over whole days.
-- Every call counts in the half-hour of its first entry; talk and hold are those of its agents.
SELECT half_hour::integer AS half_hour,
       count(*)::double precision / :days::integer AS calls_a_day,
       coalesce(avg(handled_ms) FILTER (WHERE handled_ms > 0), 0)::double precision / 1000
           AS talk_seconds
FROM (
    SELECT floor(
               extract(epoch FROM (min(v.entered_at) AT TIME ZONE 'Asia/Shanghai')::time) / 1800
           ) AS half_hour,
           max(c.talk_ms + c.hold_ms) AS handled_ms
    FROM queue_visit AS v
    JOIN call AS c USING (opened_at, call_id)
    WHERE v.queue = :queue AND v.entered_at >= :since AND v.entered_at < :until AND c.final
    GROUP BY v.opened_at, v.call_id
) AS offered
GROUP BY half_hour
ORDER BY half_hour;
