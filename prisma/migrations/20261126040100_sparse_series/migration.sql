-- Series that are measured now and then: their values lie beside those of every point, at what they are and no more.
-- The step of the migration before may have added the columns already.
ALTER TABLE "curve_segment"
    ADD COLUMN IF NOT EXISTS "sparse_series" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    ADD COLUMN IF NOT EXISTS "sparse" BYTEA NOT NULL DEFAULT '\x'::bytea;
