-- What `GET /jobs` sorts and filters by. Every sort ends with the id, so that pages neither repeat nor skip.
CREATE INDEX "job_created_idx" ON "job"("created_at", "id");
CREATE INDEX "job_finished_idx" ON "job"((coalesce("finished_at", 'infinity')), "id");
CREATE INDEX "job_priority_idx" ON "job"("priority", "id");
CREATE INDEX "job_key_idx" ON "job"("key_id", "created_at") WHERE "key_id" IS NOT NULL;
CREATE INDEX "job_tags_idx" ON "job" USING gin ("tags");
CREATE INDEX "job_words_idx" ON "job" USING gin (to_tsvector('simple', regexp_replace("name" || ' ' || "notes", '[^[:alnum:]]+', ' ', 'g')));
