-- An agent says during a call-back that a machine, or somebody else, has answered. The try is settled
-- when the call ends, so what he says waits here until then.

ALTER TABLE callback_attempt ADD COLUMN not_reached_by text CHECK (not_reached_by <> '');
COMMENT ON COLUMN callback_attempt.not_reached_by IS 'The agent who said that not the citizen but a machine, or somebody else, answered; null: nobody said so.';
