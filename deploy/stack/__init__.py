"""The local stack: PostgreSQL, Valkey, Asterisk, ivr and agents as children of one process."""
