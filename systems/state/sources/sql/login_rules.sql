-- `value`: the place of a rule among the others, or what is wrong with it.
select concat_ws(' ', type, array_to_string(database, ','), array_to_string(user_name, ','), address, netmask,
    auth_method, array_to_string(options, ' '))
  || case when row_number() over (
       partition by type, database, user_name, address, netmask, auth_method, options order by line_number) > 1
     then ' (again)' else '' end as what,
  'place ' || row_number() over (order by line_number) as value, 'access' as kind, '' as parent, null::text as coming,
  null::text as hidden, null::float8 as ends
from pg_hba_file_rules where error is null
union all
select 'line ' || line_number, 'not valid: ' || error, 'access', '', null, null, null
from pg_hba_file_rules where error is not null
