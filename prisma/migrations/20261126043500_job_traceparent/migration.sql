-- Of the request that submitted the job, as W3C Trace Context writes it: what is done for the job later belongs to the same trace.
ALTER TABLE "job" ADD COLUMN "traceparent" TEXT;
