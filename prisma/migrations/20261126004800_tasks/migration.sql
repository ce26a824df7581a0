-- Work on a checkpoint that is not training.
CREATE TABLE "task" (
    "id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "checkpoint_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "message" TEXT,
    "result" JSONB,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "worker_id" TEXT,
    "lease_until" TIMESTAMPTZ(6),
    "crashes" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
    "started_at" TIMESTAMPTZ(6),
    "finished_at" TIMESTAMPTZ(6),

    CONSTRAINT "task_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "task_checkpoint_id_fkey" FOREIGN KEY ("checkpoint_id") REFERENCES "checkpoint"("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "task_state_check" CHECK ("state" IN ('queued', 'running', 'cancelling', 'cancelled', 'succeeded', 'failed')),
    -- A lease exists exactly while a worker owns the task.
    CONSTRAINT "task_lease_check" CHECK (("lease_until" IS NOT NULL) = ("state" IN ('running', 'cancelling'))),
    CONSTRAINT "task_owner_check" CHECK ("lease_until" IS NULL OR "worker_id" IS NOT NULL),
    CONSTRAINT "task_finished_check" CHECK (("finished_at" IS NOT NULL) = ("state" IN ('cancelled', 'succeeded', 'failed'))),
    CONSTRAINT "task_result_check" CHECK (("result" IS NOT NULL) = ("state" = 'succeeded'))
);

-- Deleting a checkpoint looks its tasks up.
CREATE INDEX "task_checkpoint_id_idx" ON "task"("checkpoint_id");
-- Every worker looks for the oldest queued task every two seconds.
CREATE INDEX "task_queued_idx" ON "task"("id") WHERE "state" = 'queued';
CREATE INDEX "task_lease_idx" ON "task"("lease_until") WHERE "lease_until" IS NOT NULL;
