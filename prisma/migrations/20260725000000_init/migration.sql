CREATE TABLE "job" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "tags" JSONB NOT NULL,
    "notes" TEXT NOT NULL,
    "priority" INTEGER NOT NULL,
    "device" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "message" TEXT,
    "spec" JSONB NOT NULL,
    "lint" JSONB NOT NULL,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "worker_id" TEXT,
    "lease_until" TIMESTAMPTZ(6),
    "desired" TEXT,
    "crashes" INTEGER NOT NULL DEFAULT 0,
    "progress" JSONB,
    "event_seq" INTEGER NOT NULL DEFAULT 0,
    "curve_seq" BIGINT NOT NULL DEFAULT 0,
    "curve_last_step" INTEGER NOT NULL DEFAULT 0,
    "ticket_no" INTEGER NOT NULL DEFAULT 0,
    "ticket_class" TEXT,
    "ticketed_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
    "started_at" TIMESTAMPTZ(6),
    "finished_at" TIMESTAMPTZ(6),

    CONSTRAINT "job_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "attempt" (
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "worker_id" TEXT NOT NULL,
    "resume_step" INTEGER,
    "started_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
    "ended_at" TIMESTAMPTZ(6),
    "outcome" TEXT,
    "reason" TEXT,
    "message" TEXT,

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("job_id","epoch")
);

CREATE TABLE "job_event" (
    "job_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "actor" TEXT NOT NULL,
    "from_state" TEXT,
    "to_state" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "message" TEXT,
    "epoch" INTEGER NOT NULL,

    CONSTRAINT "job_event_pkey" PRIMARY KEY ("job_id","seq")
);

CREATE TABLE "curve_point" (
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "critic_step" BIGINT NOT NULL,
    "w_estimate" REAL NOT NULL,
    "critic_loss" REAL NOT NULL,
    "gen_loss" REAL NOT NULL,
    "critic_real" REAL NOT NULL,
    "critic_fake" REAL NOT NULL,
    "seq" BIGINT NOT NULL,
    "effective" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "curve_point_pkey" PRIMARY KEY ("job_id","epoch","step")
);

CREATE TABLE "curve_rollback" (
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "after_step" INTEGER NOT NULL,
    "seq" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),

    CONSTRAINT "curve_rollback_pkey" PRIMARY KEY ("job_id","seq")
);

CREATE TABLE "sample" (
    "id" UUID NOT NULL,
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "num_images" INTEGER NOT NULL,
    "columns" INTEGER NOT NULL,
    "tile_size" INTEGER NOT NULL,
    "padding" INTEGER NOT NULL,
    "channels" INTEGER NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "effective" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),

    CONSTRAINT "sample_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "checkpoint" (
    "id" UUID NOT NULL,
    "job_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "step" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "quarantined" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),

    CONSTRAINT "checkpoint_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "dataset" (
    "id" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "content_hash" TEXT NOT NULL,
    "num_images" INTEGER NOT NULL,
    "channels" INTEGER NOT NULL,
    "labels" TEXT[],
    "source" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "dataset_pkey" PRIMARY KEY ("id","version")
);

CREATE TABLE "worker" (
    "id" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "device_class" TEXT NOT NULL,
    "device" TEXT NOT NULL,
    "slots" INTEGER NOT NULL,
    "versions" JSONB NOT NULL,
    "registered_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
    "heartbeat_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),

    CONSTRAINT "worker_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "api_key" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
    "expires_at" TIMESTAMPTZ(6),
    "revoked_at" TIMESTAMPTZ(6),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "curve_point_job_id_seq_idx" ON "curve_point"("job_id", "seq");

CREATE INDEX "sample_job_id_step_id_idx" ON "sample"("job_id", "step", "id");

CREATE UNIQUE INDEX "sample_job_id_epoch_step_key" ON "sample"("job_id", "epoch", "step");

CREATE INDEX "checkpoint_job_id_step_id_idx" ON "checkpoint"("job_id", "step", "id");

CREATE UNIQUE INDEX "checkpoint_job_id_epoch_step_key" ON "checkpoint"("job_id", "epoch", "step");

ALTER TABLE "attempt" ADD CONSTRAINT "attempt_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "job_event" ADD CONSTRAINT "job_event_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "curve_rollback" ADD CONSTRAINT "curve_rollback_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "sample" ADD CONSTRAINT "sample_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "checkpoint" ADD CONSTRAINT "checkpoint_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- What Prisma's schema language cannot say.

ALTER TABLE "job"
    ADD CONSTRAINT "job_state_check" CHECK ("state" IN ('queued', 'starting', 'running', 'pausing', 'paused', 'stopping', 'stopped', 'cancelling', 'cancelled', 'succeeded', 'failed')),
    ADD CONSTRAINT "job_device_check" CHECK ("device" IN ('any', 'cpu', 'gpu')),
    ADD CONSTRAINT "job_desired_check" CHECK ("desired" IN ('paused', 'stopped')),
    -- A lease exists exactly while an attempt owns the job.
    ADD CONSTRAINT "job_lease_check" CHECK (("lease_until" IS NOT NULL) = ("state" IN ('starting', 'running', 'pausing', 'stopping', 'cancelling'))),
    ADD CONSTRAINT "job_owner_check" CHECK ("lease_until" IS NULL OR "worker_id" IS NOT NULL),
    ADD CONSTRAINT "job_finished_check" CHECK (("finished_at" IS NOT NULL) = ("state" IN ('stopped', 'cancelled', 'succeeded', 'failed')));

ALTER TABLE "worker"
    ADD CONSTRAINT "worker_device_class_check" CHECK ("device_class" IN ('cpu', 'gpu')),
    ADD CONSTRAINT "worker_slots_check" CHECK ("slots" > 0);

ALTER TABLE "api_key" ADD CONSTRAINT "api_key_scope_check" CHECK ("scope" IN ('read', 'submit', 'admin'));

-- The dispatcher's order, the reconciler's search and the lists by state.
CREATE INDEX "job_queued_idx" ON "job"("device", "priority", "created_at", "id") WHERE "state" = 'queued';
CREATE INDEX "job_lease_idx" ON "job"("lease_until") WHERE "lease_until" IS NOT NULL;
CREATE INDEX "job_state_idx" ON "job"("state", "id");

-- One effective point per step: what a curve shows, in the order it is read.
CREATE UNIQUE INDEX "curve_point_effective_key" ON "curve_point"("job_id", "step") WHERE "effective";
