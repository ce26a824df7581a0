-- How to use uploaded weights that are a network to measure by: its input, its output, and what goes in. Null for those that jobs start from.
ALTER TABLE "weights" ADD COLUMN "features" JSONB;
