-- up
CREATE TABLE shop.stock (
    product_id int PRIMARY KEY REFERENCES shop.products (id) ON DELETE CASCADE,
    on_hand int NOT NULL CHECK (on_hand >= 0), updated_at timestamptz NOT NULL DEFAULT now()
)
-- down
DROP TABLE shop.stock
