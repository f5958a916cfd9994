-- name: order_surge(is_on, announcement, text_zh, text_en, queues, ends_at, reason, ordered_by)$
-- Throw the emergency switch.
INSERT INTO surge_order (is_on, announcement, text_zh, text_en, queues, ends_at, reason,
                         ordered_by)
VALUES (:is_on, :announcement, :text_zh::text, :text_en::text, :queues::text[],
        :ends_at::timestamptz, :reason, :ordered_by)
RETURNING order_id;

-- name: newest_surge_order()^
-- The order that says whether the switch is on.
SELECT order_id, is_on, announcement, text_zh, text_en, queues, ends_at, reason, ordered_by,
       ordered_at
FROM surge_order
ORDER BY order_id DESC
LIMIT 1;

-- name: audit_surge(actor, action, object, detail)!
-- Write down who threw the switch; in the transaction that does it.
INSERT INTO audit (actor, action, object, detail)
VALUES (:actor, :action, :object, :detail::jsonb);
