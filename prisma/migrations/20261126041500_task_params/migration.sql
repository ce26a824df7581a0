-- What a task is asked for, defaults filled in; null for kinds that are asked for nothing.
ALTER TABLE "task" ADD COLUMN "params" JSONB;
