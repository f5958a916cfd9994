-- name: calls_by_hour(first, last, queue, agent, unit)
-- Calls that entered a queue, by hour of the day. Numbers held back are in none of these figures.
SELECT to_char(entered_at AT TIME ZONE 'Asia/Shanghai', 'HH24') AS key, count(*) AS requested,
       count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       coalesce(sum(wait_ms) FILTER (WHERE outcome = 'answered'), 0)::bigint AS wait_ms
FROM report.counted_visit
WHERE position = 1 AND entered_at >= :first AND entered_at < :last
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
GROUP BY 1 ORDER BY 1;

-- name: calls_by_day(first, last, queue, agent, unit)
-- Calls that entered a queue, by day.
SELECT to_char(entered_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD') AS key,
       count(*) AS requested,
       count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       coalesce(sum(wait_ms) FILTER (WHERE outcome = 'answered'), 0)::bigint AS wait_ms
FROM report.counted_visit
WHERE position = 1 AND entered_at >= :first AND entered_at < :last
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
GROUP BY 1 ORDER BY 1;

-- name: calls_by_week(first, last, queue, agent, unit)
-- Calls that entered a queue, by week of ISO 8601, which begins on Monday.
SELECT to_char(entered_at AT TIME ZONE 'Asia/Shanghai', 'IYYY-"W"IW') AS key,
       count(*) AS requested,
       count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       coalesce(sum(wait_ms) FILTER (WHERE outcome = 'answered'), 0)::bigint AS wait_ms
FROM report.counted_visit
WHERE position = 1 AND entered_at >= :first AND entered_at < :last
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
GROUP BY 1 ORDER BY 1;

-- name: calls_by_month(first, last, queue, agent, unit)
-- Calls that entered a queue, by month.
SELECT to_char(entered_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS key,
       count(*) AS requested,
       count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       coalesce(sum(wait_ms) FILTER (WHERE outcome = 'answered'), 0)::bigint AS wait_ms
FROM report.counted_visit
WHERE position = 1 AND entered_at >= :first AND entered_at < :last
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
GROUP BY 1 ORDER BY 1;

-- name: calls_by_queue(first, last, queue, agent, unit)
-- Calls that entered a queue, by queue.
SELECT queue AS key, count(*) AS requested,
       count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       coalesce(sum(wait_ms) FILTER (WHERE outcome = 'answered'), 0)::bigint AS wait_ms
FROM report.counted_visit
WHERE entered_at >= :first AND entered_at < :last
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: calls_by_agent(first, last, queue, agent, unit)
-- Answered calls, by agent.
SELECT agent AS key, count(*) AS requested, count(*) AS answered, 0::bigint AS abandoned,
       coalesce(sum(wait_ms), 0)::bigint AS wait_ms
FROM report.counted_visit
WHERE outcome = 'answered' AND agent IS NOT NULL AND entered_at >= :first AND entered_at < :last
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: calls_by_menu_path(first, last, queue, agent, unit)
-- Calls to us by the way they took through the menu; waits of those that were answered.
SELECT menu_path AS key, count(*) AS requested,
       count(*) FILTER (WHERE disposition = 'answered') AS answered,
       count(*) FILTER (WHERE disposition LIKE 'abandoned%') AS abandoned,
       coalesce(sum(wait_ms) FILTER (WHERE disposition = 'answered'), 0)::bigint AS wait_ms
FROM report.call
WHERE started_at >= :first AND started_at < :last
  AND direction = 'inbound' AND disposition <> 'blocked'
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: requests_by_category(first, last, queue, agent, unit)
-- 件次 by category.
SELECT scheme || ' ' || code AS key, count(*) AS requests,
       count(*) FILTER (WHERE settlement = 'on_the_spot') AS on_the_spot,
       count(*) FILTER (WHERE settlement = 'transferred') AS transferred
FROM report.request AS r
WHERE NOT superseded AND made_at >= :first AND made_at < :last AND (:unit = '' OR unit = :unit)
  AND (:queue || :agent = '' OR EXISTS (
      SELECT FROM report.call AS c
      WHERE c.opened_at = r.opened_at AND c.call_id = r.call_id
        AND (:queue = '' OR c.queue = :queue) AND (:agent = '' OR c.agent = :agent)))
GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: requests_by_region(first, last, queue, agent, unit)
-- 件次 by reporting unit.
SELECT unit AS key, count(*) AS requests,
       count(*) FILTER (WHERE settlement = 'on_the_spot') AS on_the_spot,
       count(*) FILTER (WHERE settlement = 'transferred') AS transferred
FROM report.request AS r
WHERE NOT superseded AND made_at >= :first AND made_at < :last AND (:unit = '' OR unit = :unit)
  AND (:queue || :agent = '' OR EXISTS (
      SELECT FROM report.call AS c
      WHERE c.opened_at = r.opened_at AND c.call_id = r.call_id
        AND (:queue = '' OR c.queue = :queue) AND (:agent = '' OR c.agent = :agent)))
GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: visits_behind(first, last, queue, agent, unit, shape, key, firsts, answered, settled)
-- The calls behind a row of a report that counts who entered queues, newest first; at most a page.
SELECT v.call_id, v.entered_at AS at, v.queue, v.agent, v.outcome AS result, NULL AS code
FROM report.counted_visit AS v
WHERE v.entered_at >= :first AND v.entered_at < :last
  AND (:queue = '' OR v.queue = :queue) AND (:agent = '' OR v.agent = :agent) AND :unit = ''
  AND (NOT :firsts OR v.position = 1)
  AND (NOT :answered OR (v.outcome = 'answered' AND v.agent IS NOT NULL))
  AND (NOT :settled OR (v.outcome <> 'waiting' AND EXISTS (
      SELECT FROM report.call AS c WHERE c.opened_at = v.opened_at AND c.call_id = v.call_id)))
  AND CASE :shape WHEN 'queue' THEN v.queue WHEN 'agent' THEN v.agent
           ELSE to_char(v.entered_at AT TIME ZONE 'Asia/Shanghai', :shape) END = :key
ORDER BY v.entered_at DESC, v.call_id, v.position LIMIT 500;

-- name: menu_calls_behind(first, last, queue, agent, unit, key)
-- The calls behind a way through the menu, newest first; at most a page.
SELECT call_id, started_at AS at, queue, agent, disposition AS result, NULL AS code
FROM report.call
WHERE started_at >= :first AND started_at < :last
  AND direction = 'inbound' AND disposition <> 'blocked'
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent) AND :unit = ''
  AND menu_path = :key
ORDER BY started_at DESC, call_id LIMIT 500;

-- name: requests_behind(first, last, queue, agent, unit, shape, key)
-- The calls behind a row of a report that counts 件次, newest first; at most a page.
SELECT r.call_id, r.made_at AS at, c.queue, c.agent, r.settlement AS result, r.code
FROM report.request AS r
LEFT JOIN report.call AS c ON c.opened_at = r.opened_at AND c.call_id = r.call_id
WHERE NOT r.superseded AND r.made_at >= :first AND r.made_at < :last
  AND (:unit = '' OR r.unit = :unit)
  AND (:queue = '' OR c.queue = :queue) AND (:agent = '' OR c.agent = :agent)
  AND CASE :shape WHEN 'category' THEN r.scheme || ' ' || r.code ELSE r.unit END = :key
ORDER BY r.made_at DESC, r.call_id LIMIT 500;

-- name: queue_calls(first, last, queue, agent, unit)
-- Calls that asked for a person, one row for each, with how it left the queue it came into first and
-- what agents spent on it. Calls that are still going on are left out. Who was sent on by time, a
-- key or a full queue has flowed, and so has who was lost with the telephone system: neither was
-- answered and neither gave up.
SELECT v.queue, v.wait_ms,
       CASE WHEN v.outcome IN ('answered', 'abandoned') THEN v.outcome
            WHEN c.disposition = 'callback_booked' THEN 'callback'
            WHEN v.outcome IN ('overflow', 'lost') THEN 'flowed' END AS outcome,
       coalesce(l.talk_ms, 0)::bigint AS talk_ms, coalesce(l.hold_ms, 0)::bigint AS hold_ms,
       coalesce(l.after_ms, 0)::bigint AS after_ms
FROM report.counted_visit AS v
JOIN report.call AS c ON c.opened_at = v.opened_at AND c.call_id = v.call_id
LEFT JOIN LATERAL (
    SELECT sum(talk_ms) AS talk_ms, sum(hold_ms) AS hold_ms, sum(wrap_up_ms) AS after_ms
    FROM report.leg
    WHERE leg.opened_at = v.opened_at AND leg.call_id = v.call_id AND leg.kind = 'agent'
) AS l ON v.outcome = 'answered'
WHERE v.position = 1 AND v.outcome <> 'waiting'
  AND v.entered_at >= :first AND v.entered_at < :last
  AND (:queue = '' OR v.queue = :queue) AND (:agent = '' OR v.agent = :agent) AND :unit = '';

-- name: first_queues(first, last, queue, agent, short_ms)^
-- How calls that asked for a person left the queue they came into first, as `queue_calls` tells it.
SELECT count(*) AS requested,
       count(*) FILTER (WHERE v.outcome = 'answered') AS answered,
       count(*) FILTER (WHERE v.outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE v.outcome = 'abandoned' AND v.wait_ms <= :short_ms) AS short,
       count(*) FILTER (WHERE v.outcome IN ('overflow', 'lost')
                          AND c.disposition IS DISTINCT FROM 'callback_booked') AS flowed,
       count(*) FILTER (WHERE v.outcome NOT IN ('answered', 'abandoned')
                          AND c.disposition = 'callback_booked') AS callbacks
FROM report.counted_visit AS v
JOIN report.call AS c ON c.opened_at = v.opened_at AND c.call_id = v.call_id
WHERE v.position = 1 AND v.outcome <> 'waiting'
  AND v.entered_at >= :first AND v.entered_at < :last
  AND (:queue = '' OR v.queue = :queue) AND (:agent = '' OR v.agent = :agent);

-- name: calls_rated(first, last, queue, agent)^
-- 来电, how many of them were rated, and how many of those 满意 or 基本满意.
SELECT count(*) AS calls, count(rating) AS rated, count(*) FILTER (WHERE rating <= 2) AS content
FROM report.call
WHERE started_at >= :first AND started_at < :last
  AND direction = 'inbound' AND disposition <> 'blocked'
  AND (:queue = '' OR queue = :queue) AND (:agent = '' OR agent = :agent);

-- name: requests_by_service(first, last, queue, agent, unit)
-- 件次 by service type of each edition.
SELECT scheme, service, count(*) AS requests
FROM report.request AS r
WHERE NOT superseded AND made_at >= :first AND made_at < :last AND (:unit = '' OR unit = :unit)
  AND (:queue || :agent = '' OR EXISTS (
      SELECT FROM report.call AS c
      WHERE c.opened_at = r.opened_at AND c.call_id = r.call_id
        AND (:queue = '' OR c.queue = :queue) AND (:agent = '' OR c.agent = :agent)))
GROUP BY 1, 2 ORDER BY 1, 2;
