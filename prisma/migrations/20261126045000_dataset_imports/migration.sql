-- What is known of a version's images, and the object of its preview.
ALTER TABLE "dataset" ADD COLUMN "statistics" JSONB, ADD COLUMN "preview" JSONB;

-- Readings of sources, each of which makes a version.
CREATE TABLE "dataset_import" (
    "id" UUID NOT NULL,
    "dataset_id" TEXT NOT NULL,
    "source" JSONB NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'queued',
    "num_images" INTEGER NOT NULL DEFAULT 0,
    "version" TEXT,
    "problem" JSONB,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "started_at" TIMESTAMPTZ(6),
    "finished_at" TIMESTAMPTZ(6),

    CONSTRAINT "dataset_import_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "dataset_import_end_check" CHECK (("version" IS NOT NULL) = ("state" = 'succeeded') AND ("problem" IS NOT NULL) = ("state" = 'failed'))
);

CREATE INDEX "dataset_import_dataset_id_id_idx" ON "dataset_import"("dataset_id", "id");
-- What there is to do: few rows of many.
CREATE INDEX "dataset_import_open" ON "dataset_import"("id") WHERE "state" IN ('queued', 'running');
