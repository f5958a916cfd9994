-- name: callers_known(callers, numbers)
-- What is known of some callers, one row each: numbers as they came, and as they are kept.
SELECT asked.caller,
       coalesce(caller_profile.elderly
                OR caller_profile.born <= (now() AT TIME ZONE 'Asia/Shanghai')::date
                                          - interval '60 years', false) AS elderly,
       (SELECT count(*)::integer
        FROM call
        WHERE call.caller = asked.caller AND call.disposition = 'abandoned_in_queue'
            AND call.opened_at >= now() - interval '3 hours'
            AND call.ended_at > now() - interval '60 minutes') AS abandons,
       coalesce((SELECT max(caller_block.level)
                 FROM caller_block
                 WHERE caller_block.number = asked.number AND caller_block.lifted_at IS NULL
                     AND caller_block.begins_at <= now() AND caller_block.expires_at > now()),
                0)::integer AS level
FROM unnest(:callers::text[], :numbers::text[]) AS asked(caller, number)
LEFT JOIN caller_profile ON caller_profile.number = asked.number;

-- name: note_caller(number, elderly, born, noted_by)!
-- Flag a caller as elderly, or register the date of birth; what is not given stays.
INSERT INTO caller_profile (number, elderly, born, noted_by)
VALUES (:number, coalesce(:elderly::boolean, false), :born::date, :noted_by)
ON CONFLICT (number) DO UPDATE SET
    elderly = coalesce(:elderly::boolean, caller_profile.elderly),
    born = coalesce(:born::date, caller_profile.born),
    noted_by = excluded.noted_by, noted_at = now();
