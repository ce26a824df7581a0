-- Where the curve was when a rule found something: such events are marks on it.
ALTER TABLE "job_event" ADD COLUMN "step" INTEGER;
