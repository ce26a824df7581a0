-- What a key may use; null is no limit.
ALTER TABLE "api_key"
    ADD COLUMN "max_queued" INTEGER,
    ADD COLUMN "max_peta_operations" REAL,
    ADD COLUMN "last_used_at" TIMESTAMPTZ(6);
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_max_queued_check" CHECK ("max_queued" >= 0);
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_max_peta_operations_check" CHECK ("max_peta_operations" > 0);

-- Counted before a key with such a limit submits more.
CREATE INDEX "job_queued_key_idx" ON "job"("key_id") WHERE "state" = 'queued';

-- A browser that logged in with a key. It lives no longer than its key, which every look-up asks for too.
CREATE TABLE "dashboard_session" (
    "token_hash" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "dashboard_session_pkey" PRIMARY KEY ("token_hash")
);
ALTER TABLE "dashboard_session" ADD CONSTRAINT "dashboard_session_key_id_fkey"
    FOREIGN KEY ("key_id") REFERENCES "api_key"("id") ON DELETE CASCADE ON UPDATE CASCADE;
CREATE INDEX "dashboard_session_expires_at_idx" ON "dashboard_session"("expires_at");

-- No foreign key: an entry outlives whatever it is about.
CREATE TABLE "audit_entry" (
    "id" BIGINT GENERATED ALWAYS AS IDENTITY,
    "at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "actor" TEXT NOT NULL,
    "key_id" TEXT,
    "address" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT,
    "status" INTEGER NOT NULL,

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "audit_entry_key_id_idx" ON "audit_entry"("key_id", "id");
CREATE INDEX "audit_entry_target_idx" ON "audit_entry"("target", "id");

CREATE FUNCTION "refuse_audit_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows';
END
$$;
CREATE TRIGGER "audit_entry_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_entry"
    FOR EACH STATEMENT EXECUTE FUNCTION "refuse_audit_change"();
