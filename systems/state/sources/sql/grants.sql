with n as (select * from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
c as (
  select c.oid, c.relkind, c.relowner, c.relacl,
    case when c.relkind in ('v', 'm') then 'view ' when c.relkind = 'S' then 'sequence ' else 'table ' end
      || quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
  from pg_class c join n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not c.relispartition
),
rights as (
  select c.name, c.name as parent, x.* from c, aclexplode(coalesce(
    c.relacl, acldefault(case when c.relkind = 'S' then 's' else 'r' end::"char", c.relowner))) x
  union all
  select c.name || ', column ' || t.attname, c.name, x.*
  from c join pg_attribute t on t.attrelid = c.oid and t.attacl is not null, aclexplode(t.attacl) x
  union all
  select 'schema ' || n.nspname, 'schema ' || n.nspname, x.*
  from n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
  union all
  select 'database ' || d.datname, '', x.*
  from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
  where d.datname = current_database()
  union all
  select 'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', '', x.*
  from pg_proc p join n on n.oid = p.pronamespace and p.proacl is not null, aclexplode(p.proacl) x
  union all
  select 'later ' || case a.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
      when 'T' then 'types' else 'schemas' end || ' of ' || pg_get_userbyid(a.defaclrole) || coalesce(' in ' || n.nspname, ''),
    '', x.*
  from pg_default_acl a left join pg_namespace n on n.oid = a.defaclnamespace, aclexplode(a.defaclacl) x
)
select name || ': rights of ' || case when grantee = 0 then 'everybody' else pg_get_userbyid(grantee) end as what,
  string_agg(privilege_type || case when is_grantable then ' (may pass on)' else '' end, ', ' order by privilege_type) as value,
  'grant' as kind, max(parent) as parent, null::text as coming, null::text as hidden, null::float8 as ends
from rights group by name, grantee
