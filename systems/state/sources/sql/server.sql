select extract(epoch from pg_postmaster_start_time())::float8 as started, pg_is_in_recovery() as standby,
  extract(epoch from pg_conf_load_time())::float8 as loaded,
  has_table_privilege('pg_hba_file_rules', 'select') and has_function_privilege('pg_hba_file_rules()', 'execute')
    as reads_login_rules
