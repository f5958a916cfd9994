-- Callers whom we missed: a list for people to call back.

CREATE TABLE missed_caller (
    missed_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number        text        NOT NULL CHECK (number = citizen_number(number)),
    queue         text        NOT NULL CHECK (queue ~ '^[a-z0-9_]{1,32}$'),
    reason        text        NOT NULL CHECK (reason IN ('abandoned', 'not_reached', 'expired')),
    call_id       text        NOT NULL CHECK (call_opened_at(call_id) IS NOT NULL),
    waited_ms     bigint      NOT NULL CHECK (waited_ms >= 0),
    missed_at     timestamptz NOT NULL,
    state         text        NOT NULL DEFAULT 'open' CHECK (state IN (
        'open', 'served', 'called', 'booked', 'not_reached', 'declined')),
    claimed_by    text,
    claimed_until timestamptz,
    closed_at     timestamptz,
    CHECK ((state = 'open') = (closed_at IS NULL)),
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
);
CREATE UNIQUE INDEX missed_caller_open ON missed_caller (number) WHERE state = 'open';
CREATE INDEX missed_caller_number ON missed_caller (number, missed_at);
COMMENT ON TABLE missed_caller IS '漏接来电: for people to call back; one open entry a number, offered once.';
COMMENT ON COLUMN missed_caller.missed_at IS 'When the caller last gave up, or the last try was in vain; what is older is dealt with.';
COMMENT ON COLUMN missed_caller.claimed_until IS 'Until then nobody else may call; a claim that ran out may be taken over.';
COMMENT ON COLUMN missed_caller.state IS 'served: called in again and was answered; called: an agent of ours reached the number; booked: has a ticket.';

GRANT SELECT, INSERT, UPDATE ON missed_caller TO hotline_ledger, hotline_bridge;

CREATE VIEW report.missed_caller AS
    SELECT missed_id, masked_number(number) AS number, queue, reason, call_id, waited_ms, missed_at,
           state, claimed_by, claimed_until, closed_at
    FROM public.missed_caller;
GRANT SELECT ON report.missed_caller TO hotline_report;
