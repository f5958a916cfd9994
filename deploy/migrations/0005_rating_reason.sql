-- Why a dissatisfied caller was dissatisfied, and why a caller was not asked at all.

ALTER TABLE call
    ADD COLUMN rating_reason smallint CHECK (rating_reason BETWEEN 1 AND 4),
    ADD COLUMN rating_exempt text;
COMMENT ON COLUMN call.rating_reason IS '1 服务态度, 2 业务解答, 3 等待时间, 4 处理结果; only after rating 3.';
COMMENT ON COLUMN call.rating_exempt IS 'Why an answered caller was not asked: short, crisis, wrong_number, redirected, not_reached.';

CREATE OR REPLACE VIEW report.call AS
    SELECT opened_at, call_id, node, direction, masked_number(caller) AS caller, dialled,
           started_at, answered_at, ended_at, disposition, short, menu_path, fallback, queue, agent,
           wait_ms, ring_ms, talk_ms, hold_ms, ended_by, cause, rating_offered, rating, attempt,
           rating_reason, rating_exempt
    FROM public.call
    WHERE final;
