-- up
CREATE SCHEMA IF NOT EXISTS shop
-- step
CREATE TABLE shop.schema_migrations (version int PRIMARY KEY, dirty boolean NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
-- step
CREATE TABLE shop.products (
    id int PRIMARY KEY, sku text NOT NULL UNIQUE, title text NOT NULL, category text NOT NULL,
    description text NOT NULL DEFAULT '', price numeric(10,2) NOT NULL CHECK (price >= 0), image int NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true, updated_at timestamptz NOT NULL DEFAULT now()
)
-- step
CREATE INDEX products_category_idx ON shop.products (category, id)
-- down
DROP SCHEMA shop CASCADE
