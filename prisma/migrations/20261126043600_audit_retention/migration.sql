-- Entries may go when they are old; nobody, with whatever reason, removes what happened lately, and nothing is ever changed.
DROP TRIGGER "audit_entry_append_only" ON "audit_entry";
CREATE TRIGGER "audit_entry_append_only" BEFORE UPDATE OR TRUNCATE ON "audit_entry"
    FOR EACH STATEMENT EXECUTE FUNCTION "refuse_audit_change"();

CREATE FUNCTION "refuse_early_audit_removal"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD."at" < clock_timestamp() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log only grows: an entry stays for 30 days at least';
END
$$;
CREATE TRIGGER "audit_entry_stays" BEFORE DELETE ON "audit_entry"
    FOR EACH ROW EXECUTE FUNCTION "refuse_early_audit_removal"();
