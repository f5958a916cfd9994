-- Recordings at rest: where each lies, how it was sealed, its waveform, its pauses; and why one is
-- gone. A row outlives its sound.

ALTER TABLE recording
    ADD COLUMN storage    text NOT NULL DEFAULT 'local' CHECK (storage IN ('local', 's3')),
    ADD COLUMN wav_bytes  bigint,
    ADD COLUMN wav_sha256 bytea CHECK (length(wav_sha256) = 32),
    ADD COLUMN peaks      bytea,
    ADD COLUMN pauses     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(pauses) = 'array'),
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN removed_at timestamptz,
    ADD CHECK ((wav_bytes IS NULL) = (wav_sha256 IS NULL)),
    ADD CHECK (removed_at IS NULL OR deleted_at IS NOT NULL);
COMMENT ON COLUMN recording.bytes IS 'Of the sound before sealing; a player is told this length.';
COMMENT ON COLUMN recording.key_id IS 'Key of the key file that the sound is sealed with; NULL: not sealed.';
COMMENT ON COLUMN recording.storage IS 'Whose disk it lies on: the machine''s, or an object store''s.';
COMMENT ON COLUMN recording.wav_bytes IS 'Of the WAV kept beside an Opus file, under the same path but for its ending.';
COMMENT ON COLUMN recording.peaks IS 'For a drawn waveform: the loudest sample of each stretch, 0 to 255; the caller''s half, then the agent''s.';
COMMENT ON COLUMN recording.pauses IS 'Marks where recording was paused: {"offset_ms": in the file, "pause_ms": how long}.';
COMMENT ON COLUMN recording.deleted_at IS 'When retention took it away; the certificate stands in the audit.';
COMMENT ON COLUMN recording.removed_at IS 'When its files were seen to be gone; a deleted row without it is tried again.';

CREATE INDEX recording_unremoved ON recording (opened_at) WHERE state = 'deleted' AND removed_at IS NULL;

CREATE INDEX recording_local ON recording (opened_at) WHERE state = 'kept' AND storage = 'local';

CREATE TABLE recording_hold (
    hold_id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opened_at      timestamptz NOT NULL,
    call_id        text        NOT NULL CHECK (opened_at = call_opened_at(call_id)),
    reason         text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    set_by         text        NOT NULL CHECK (set_by <> ''),
    set_at         timestamptz NOT NULL DEFAULT now(),
    release_reason text        CHECK (length(release_reason) BETWEEN 1 AND 500),
    released_by    text        CHECK (released_by <> ''),
    released_at    timestamptz,
    FOREIGN KEY (opened_at, call_id) REFERENCES call,
    CHECK ((released_at IS NULL) = (released_by IS NULL)),
    CHECK ((released_at IS NULL) = (release_reason IS NULL))
);
CREATE UNIQUE INDEX recording_held ON recording_hold (opened_at, call_id) WHERE released_at IS NULL;
COMMENT ON TABLE recording_hold IS 'Legal holds: what is held is deleted by nobody, however old. A released one stays written down.';

-- The certificates, found by what they certify.
CREATE INDEX audit_deletion ON audit (object) WHERE action = 'recording.deleted';

GRANT SELECT, INSERT, UPDATE ON recording_hold TO hotline_ledger;
GRANT INSERT (actor, action, object, detail) ON audit TO hotline_ledger;
