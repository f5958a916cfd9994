-- name: merge_counts()$
-- Fold the waiting changes into the counts; returns how many there were.
SELECT merge_counts();

-- name: month_units(scheme, first, last)
-- 件次 by month, unit and service of a range of months, waiting changes included.
SELECT month, unit, service, sum(n)::integer AS n
FROM (
    SELECT month, unit, service, n FROM month_by_unit
    WHERE scheme = :scheme AND month BETWEEN :first AND :last
    UNION ALL
    SELECT date_trunc('month', day)::date, unit, left(code, 1), n FROM count_change
    WHERE scheme = :scheme AND day >= :first AND day < (:last::date + interval '1 month')
) AS cell
GROUP BY month, unit, service HAVING sum(n) <> 0;

-- name: month_codes(scheme, first, last)
-- 件次 by month, category and settlement of a range of months, waiting changes included.
SELECT month, code, settlement, sum(n)::integer AS n
FROM (
    SELECT month, code, settlement, n FROM month_by_code
    WHERE scheme = :scheme AND month BETWEEN :first AND :last
    UNION ALL
    SELECT date_trunc('month', day)::date, code, settlement, n FROM count_change
    WHERE scheme = :scheme AND day >= :first AND day < (:last::date + interval '1 month')
) AS cell
GROUP BY month, code, settlement HAVING sum(n) <> 0;

-- name: year_units(scheme, year)
-- 件次 by unit and service of a calendar year, waiting changes included.
SELECT unit, service, sum(n)::integer AS n
FROM (
    SELECT unit, service, n FROM year_by_unit WHERE scheme = :scheme AND year = :year
    UNION ALL
    SELECT unit, left(code, 1), n FROM count_change
    WHERE scheme = :scheme AND day >= :year AND day < (:year::date + interval '1 year')
) AS cell
GROUP BY unit, service HAVING sum(n) <> 0;

-- name: year_codes(scheme, year)
-- 件次 by category and settlement of a calendar year, waiting changes included.
SELECT code, settlement, sum(n)::integer AS n
FROM (
    SELECT code, settlement, n FROM year_by_code WHERE scheme = :scheme AND year = :year
    UNION ALL
    SELECT code, settlement, n FROM count_change
    WHERE scheme = :scheme AND day >= :year AND day < (:year::date + interval '1 year')
) AS cell
GROUP BY code, settlement HAVING sum(n) <> 0;

-- name: month_pairs(scheme, code, first, last)
-- 件次 by month and unit at and below one category, waiting changes included.
SELECT month, unit, sum(n)::integer AS n
FROM (
    SELECT month, unit, n FROM month_count
    WHERE scheme = :scheme AND month BETWEEN :first AND :last
      AND (code = :code OR starts_with(code, :code || '.'))
    UNION ALL
    SELECT date_trunc('month', day)::date, unit, n FROM count_change
    WHERE scheme = :scheme AND day >= :first AND day < (:last::date + interval '1 month')
      AND (code = :code OR starts_with(code, :code || '.'))
) AS cell
GROUP BY month, unit HAVING sum(n) <> 0;

-- name: month_cells(scheme, first, last)
-- Every cell of a range of months at full depth, waiting changes included.
SELECT month, unit, code, channel, direction, settlement, sum(n)::integer AS n
FROM (
    SELECT month, unit, code, channel, direction, settlement, n FROM month_count
    WHERE scheme = :scheme AND month BETWEEN :first AND :last
    UNION ALL
    SELECT date_trunc('month', day)::date, unit, code, channel, direction, settlement, n
    FROM count_change
    WHERE scheme = :scheme AND day >= :first AND day < (:last::date + interval '1 month')
) AS cell
GROUP BY month, unit, code, channel, direction, settlement HAVING sum(n) <> 0
ORDER BY month, unit, code, channel, direction, settlement;

-- name: counted_months()
-- Every month from the first to the last in which something is counted or was kept as counted.
WITH bounds AS (
    SELECT (min(at) AT TIME ZONE 'Asia/Shanghai')::date AS first,
           (max(at) AT TIME ZONE 'Asia/Shanghai')::date AS last
    FROM counted
    UNION ALL SELECT min(day), max(day) FROM count_change
    UNION ALL SELECT min(day), max(day) FROM day_count
    UNION ALL SELECT min(month), max(month) FROM month_count
    UNION ALL SELECT min(month), max(month) FROM month_by_unit
    UNION ALL SELECT min(month), max(month) FROM month_by_code
), range AS (
    SELECT date_trunc('month', min(first)::timestamp) AS first, max(last)::timestamp AS last
    FROM bounds
)
SELECT month::date AS month
FROM range, generate_series(range.first, range.last, interval '1 month') AS month
ORDER BY 1;

-- name: disagreements(month)
-- Cells of a month in which the counts differ from what they are counts of: must be none. One
-- statement and so one snapshot: whoever writes or merges meanwhile makes no difference.
WITH truth AS MATERIALIZED (
    SELECT day, scheme, unit, code, left(code, 3) AS class, channel, direction, settlement,
           sum(n) AS n
    FROM counted
    WHERE at >= :month::date::timestamp AT TIME ZONE 'Asia/Shanghai'
      AND at < (:month::date + interval '1 month') AT TIME ZONE 'Asia/Shanghai'
    GROUP BY GROUPING SETS (
        (scheme, unit, code, channel, direction, settlement),
        (day, scheme, unit, left(code, 3), channel, direction, settlement))
), waiting AS MATERIALIZED (
    SELECT day, scheme, unit, code, channel, direction, settlement, n FROM count_change
    WHERE day >= :month AND day < (:month::date + interval '1 month')
), cell AS MATERIALIZED (
    SELECT scheme, unit, code, channel, direction, settlement, n FROM waiting
    UNION ALL
    SELECT scheme, unit, code, channel, direction, settlement, -n FROM truth WHERE day IS NULL
), kept (what, at, scheme, unit, code, channel, direction, settlement, n) AS (
    SELECT 'month', month, scheme, unit, code, channel, direction, settlement, n
    FROM month_count WHERE month = :month
    UNION ALL
    SELECT 'month', :month, scheme, unit, code, channel, direction, settlement, n FROM cell
    UNION ALL
    SELECT 'day', day, scheme, unit, class, channel, direction, settlement, n
    FROM day_count WHERE day >= :month AND day < (:month::date + interval '1 month')
    UNION ALL
    SELECT 'day', day, scheme, unit, left(code, 3), channel, direction, settlement, n FROM waiting
    UNION ALL
    SELECT 'day', day, scheme, unit, class, channel, direction, settlement, -n
    FROM truth WHERE day IS NOT NULL
    UNION ALL
    SELECT 'unit', month, scheme, unit, service, '', '', '', n
    FROM month_by_unit WHERE month = :month
    UNION ALL
    SELECT 'unit', :month, scheme, unit, left(code, 1), '', '', '', n FROM cell
    UNION ALL
    SELECT 'code', month, scheme, '', code, '', '', settlement, n
    FROM month_by_code WHERE month = :month
    UNION ALL
    SELECT 'code', :month, scheme, '', code, '', '', settlement, n FROM cell
)
SELECT what, at, scheme, unit, code, channel, direction, settlement, sum(n)::bigint AS surplus
FROM kept GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(n) <> 0
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8;

-- name: year_disagreements()
-- Cells in which the margins of a year differ from those of its months: must be none.
SELECT what, at, scheme, unit, code, sum(n)::bigint AS surplus
FROM (
    SELECT 'unit year' AS what, year AS at, scheme, unit, service AS code, '' AS settlement, n
    FROM year_by_unit
    UNION ALL
    SELECT 'unit year', date_trunc('year', month)::date, scheme, unit, service, '', -n
    FROM month_by_unit
    UNION ALL
    SELECT 'code year', year, scheme, '', code, settlement, n FROM year_by_code
    UNION ALL
    SELECT 'code year', date_trunc('year', month)::date, scheme, '', code, settlement, -n
    FROM month_by_code
) AS kept
GROUP BY what, at, scheme, unit, code, settlement HAVING sum(n) <> 0
ORDER BY 1, 2, 3, 4, 5;

-- name: forget_counts()!
-- Take the counts out of a snapshot, with the changes that the snapshot knows.
WITH changes AS (DELETE FROM count_change), days AS (DELETE FROM day_count),
     units AS (DELETE FROM month_by_unit), codes AS (DELETE FROM month_by_code),
     unit_years AS (DELETE FROM year_by_unit), code_years AS (DELETE FROM year_by_code)
DELETE FROM month_count;

-- name: count_days_again(month)!
-- Count the days of a month of everything that is counted.
INSERT INTO day_count
SELECT day, scheme, unit, left(code, 3), channel, direction, settlement, sum(n)::integer
FROM counted
WHERE at >= :month::date::timestamp AT TIME ZONE 'Asia/Shanghai'
  AND at < (:month::date + interval '1 month') AT TIME ZONE 'Asia/Shanghai'
GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7;

-- name: count_months_again(month)!
-- Count a month of everything that is counted; done in order, so that a month lies together.
INSERT INTO month_count
SELECT :month, scheme, unit, code, channel, direction, settlement, sum(n)::integer
FROM counted
WHERE at >= :month::date::timestamp AT TIME ZONE 'Asia/Shanghai'
  AND at < (:month::date + interval '1 month') AT TIME ZONE 'Asia/Shanghai'
GROUP BY 2, 3, 4, 5, 6, 7 ORDER BY 2, 3, 4, 5, 6, 7;

-- name: count_units_again()!
-- The margin of the months by unit and service.
INSERT INTO month_by_unit
SELECT month, scheme, unit, left(code, 1), sum(n)::integer
FROM month_count GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: count_codes_again()!
-- The margin of the months by category and settlement.
INSERT INTO month_by_code
SELECT month, scheme, code, settlement, sum(n)::integer
FROM month_count GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: count_unit_years_again()!
-- The margin of the years by unit and service.
INSERT INTO year_by_unit
SELECT date_trunc('year', month)::date, scheme, unit, service, sum(n)::integer
FROM month_by_unit GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: count_code_years_again()!
-- The margin of the years by category and settlement.
INSERT INTO year_by_code
SELECT date_trunc('year', month)::date, scheme, code, settlement, sum(n)::integer
FROM month_by_code GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: lock_counts()$
-- Keep merging and recounting apart; held by the session until it is let go.
SELECT pg_advisory_lock(hashtextextended('counts', 0));

-- name: unlock_counts()$
-- Let go what lock_counts took.
SELECT pg_advisory_unlock(hashtextextended('counts', 0));

-- name: watermark(scheme, first, last)^
-- Identify the counts of a range of months: how many there are and the digest of the margins.
SELECT coalesce(sum(n) FILTER (WHERE what = 'unit'), 0)::bigint AS requests,
       encode(sha256(convert_to(coalesce(string_agg(
           concat_ws('|', what, month, key, detail, n), E'\n'
           ORDER BY what, month, key, detail), ''), 'UTF8')), 'hex') AS digest
FROM (
    SELECT 'unit' AS what, month, unit AS key, service AS detail, n FROM month_by_unit
    WHERE scheme = :scheme AND month BETWEEN :first AND :last AND n <> 0
    UNION ALL
    SELECT 'code', month, code, settlement, n FROM month_by_code
    WHERE scheme = :scheme AND month BETWEEN :first AND :last AND n <> 0
    UNION ALL
    SELECT 'sent', month, unit, digest::text, version FROM submission
    WHERE scheme = :scheme AND month BETWEEN :first AND :last AND state = 'accepted'
) AS margin;
