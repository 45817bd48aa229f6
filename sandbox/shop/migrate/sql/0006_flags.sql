-- up
CREATE TABLE shop.flags (name text PRIMARY KEY, percent int NOT NULL DEFAULT 0, changed_at timestamptz NOT NULL DEFAULT now())
-- down
DROP TABLE shop.flags
