-- How long an agent's phone stayed off the hook after the last conversation.

ALTER TABLE leg ADD COLUMN wrap_up_ms bigint NOT NULL DEFAULT 0 CHECK (wrap_up_ms >= 0);
COMMENT ON COLUMN leg.wrap_up_ms IS 'From the end of an agent''s last conversation to the end of the channel, holds not counted.';
COMMENT ON COLUMN leg.hold_ms IS 'Parked or held; for an agent also while somebody was, by him.';
