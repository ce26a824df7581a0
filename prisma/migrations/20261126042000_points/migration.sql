-- Synthetic datasets of points: their law; and what a sample of such a job shows.
ALTER TABLE dataset ADD COLUMN law jsonb;
ALTER TABLE sample
  ADD COLUMN num_points integer,
  ADD COLUMN dimensions integer,
  ADD COLUMN coordinates bytea,
  ADD CONSTRAINT sample_points_whole CHECK (
    (num_points IS NULL AND dimensions IS NULL AND coordinates IS NULL)
    OR octet_length(coordinates) = 4 * num_points * dimensions
  );
