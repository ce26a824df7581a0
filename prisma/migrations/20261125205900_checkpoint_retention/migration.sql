-- What keeps a checkpoint: a person, or how good the curve was up to it.
ALTER TABLE "checkpoint"
    ADD COLUMN "pinned" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "medians" JSONB NOT NULL DEFAULT '{}';

-- The garbage collector asks by key.
CREATE INDEX "checkpoint_key_idx" ON "checkpoint"("key");
CREATE INDEX "sample_key_idx" ON "sample"("key");
