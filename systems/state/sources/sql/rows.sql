select quote_ident(schemaname) || '.' || quote_ident(relname) as name, n_live_tup as live
from pg_stat_user_tables where schemaname !~ '^pg_' order by n_live_tup desc limit 200
