-- up
CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, total numeric(10,2) NOT NULL,
    status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()
)
-- step
CREATE TABLE shop.order_lines (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES shop.orders (id) ON DELETE CASCADE,
    sku text NOT NULL, qty int NOT NULL, price numeric(10,2) NOT NULL
)
-- step
CREATE INDEX order_lines_order_idx ON shop.order_lines (order_id)
-- step
CREATE INDEX orders_email_idx ON shop.orders (email)
-- down
DROP TABLE shop.order_lines
-- step
DROP TABLE shop.orders
