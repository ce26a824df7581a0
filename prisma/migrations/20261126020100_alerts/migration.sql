-- Rules that watch jobs, and what they found.
CREATE TABLE "alert_rule" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "condition" JSONB NOT NULL,
    "active" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "alert_rule_pkey" PRIMARY KEY ("id")
);

-- One row per rule and job: a watch until it fires, an alert from then on.
CREATE TABLE "alert" (
    "rule_id" UUID NOT NULL,
    "job_id" UUID NOT NULL,
    "step" INTEGER NOT NULL,
    "since" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "message" TEXT,
    "fired_at" TIMESTAMPTZ(6),

    CONSTRAINT "alert_pkey" PRIMARY KEY ("rule_id", "job_id"),
    CONSTRAINT "alert_rule_id_fkey" FOREIGN KEY ("rule_id") REFERENCES "alert_rule"("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "alert_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "alert_message_check" CHECK (("message" IS NOT NULL) = ("fired_at" IS NOT NULL))
);

CREATE INDEX "alert_job_id_idx" ON "alert"("job_id");
