-- up
ALTER TABLE shop.orders RENAME COLUMN total TO total_cents
-- step
ALTER TABLE shop.orders ALTER COLUMN total_cents TYPE bigint USING (total_cents * 100)::bigint
-- down
DO $$ BEGIN
    IF (SELECT data_type FROM information_schema.columns
        WHERE table_schema = 'shop' AND table_name = 'orders' AND column_name = 'total_cents') = 'bigint' THEN
        ALTER TABLE shop.orders ALTER COLUMN total_cents TYPE numeric(10,2) USING total_cents / 100.0;
    END IF;
    IF EXISTS (SELECT FROM information_schema.columns
        WHERE table_schema = 'shop' AND table_name = 'orders' AND column_name = 'total_cents') THEN
        ALTER TABLE shop.orders RENAME COLUMN total_cents TO total;
    END IF;
END $$
