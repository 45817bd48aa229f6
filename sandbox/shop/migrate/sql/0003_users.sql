-- up
CREATE TABLE shop.users (
    email text PRIMARY KEY, name text NOT NULL, salt text NOT NULL, password text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
-- down
DROP TABLE shop.users
