-- The audit is read by day, newest first; what somebody did stands together.

CREATE INDEX audit_happened ON audit (happened_at, seq);
CREATE INDEX audit_actor ON audit (actor, seq);
CREATE INDEX audit_action ON audit (action, seq);
