-- Where a job was trained, when that was not here.
ALTER TABLE "job" ADD COLUMN "imported_from" JSONB;
