-- up
CREATE TABLE shop.coupons (code text PRIMARY KEY, percent int NOT NULL CHECK (percent BETWEEN 0 AND 100))
-- down
DROP TABLE shop.coupons
