-- Networks that give features: one per dataset version, kind and image size, whoever made it first.
CREATE TABLE "extractor" (
    "id" UUID NOT NULL,
    "dataset_id" TEXT NOT NULL,
    "dataset_version" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "image_size" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "accuracy" DOUBLE PRECISION,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "extractor_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "extractor_dataset_id_dataset_version_fkey" FOREIGN KEY ("dataset_id", "dataset_version") REFERENCES "dataset"("id", "version") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE UNIQUE INDEX "extractor_dataset_id_dataset_version_kind_image_size_key" ON "extractor"("dataset_id", "dataset_version", "kind", "image_size");

-- Measurements of checkpoints. They outlive the checkpoint, so they name its step and attempt and not its row.
CREATE TABLE "metric" (
    "id" UUID NOT NULL,
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "value" DOUBLE PRECISION NOT NULL,
    "low" DOUBLE PRECISION,
    "high" DOUBLE PRECISION,
    "floor" DOUBLE PRECISION NOT NULL,
    "blurred" DOUBLE PRECISION NOT NULL,
    "images" INTEGER NOT NULL,
    "extractor" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "metric_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "metric_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE UNIQUE INDEX "metric_job_id_epoch_step_name_key" ON "metric"("job_id", "epoch", "step", "name");
CREATE INDEX "metric_job_id_step_id_idx" ON "metric"("job_id", "step", "id");
