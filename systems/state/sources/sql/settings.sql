-- What our own session has set for itself shows what it would be without it; what it had to bring along tells nothing.
select name as what,
  case when source = 'client' and name in 
         ('idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout') then null
       when source in ('session', 'client') then coalesce(reset_val, '') || coalesce(unit, '')
       else coalesce(current_setting(name, true), '') end as value,
  'setting' as kind, '' as parent, case when pending_restart then 'another value' end as coming,
  null::text as hidden, null::float8 as ends
from pg_settings
where name !~ '^(transaction_(isolation|read_only|deferrable)|is_superuser|session_authorization|in_hot_standby|application_name|search_path|role$)'
union all
select
  concat_ws(' in ', 'role ' || a.rolname, 'database ' || d.datname) || ': ' || split_part(one, '=', 1),
  substr(one, strpos(one, '=') + 1), 'setting', '', null, null, null
from pg_db_role_setting r
  left join pg_database d on d.oid = r.setdatabase
  left join pg_roles a on a.oid = r.setrole, unnest(r.setconfig) one
