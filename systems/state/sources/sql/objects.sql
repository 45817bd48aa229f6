with n as (select * from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
s as (
  select 'sequence ' || quote_ident(schemaname) || '.' || quote_ident(sequencename) as name, schemaname, increment_by,
    max_value, cycle, coalesce(last_value, 0)::float8 / nullif(max_value, 0) as used
  from pg_sequences where schemaname !~ '^pg_'
)
select 'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as what,
  concat_ws(', ', 'owner ' || pg_get_userbyid(p.proowner), case when p.prosecdef then 'runs as its owner' end,
    case p.provolatile when 'i' then 'immutable' when 's' then 'stable' end, array_to_string(p.proconfig, ', ')) as value,
  'schema' as kind, 'schema ' || n.nspname as parent, null::text as coming,
  md5(concat_ws(',', p.prosrc, p.probin, to_jsonb(p) ->> 'prosqlbody', p.prorettype::regtype::text)) as hidden, null::float8 as ends
from pg_proc p join n on n.oid = p.pronamespace
where not exists (
  select 1 from pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
union all
select 'type ' || n.nspname || '.' || t.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder), 'schema',
  'schema ' || n.nspname, null, null, null
from pg_type t join n on n.oid = t.typnamespace join pg_enum e on e.enumtypid = t.oid group by n.nspname, t.typname
union all
select 'extension ' || extname, extversion, 'schema', '', null, null, null from pg_extension
union all
select name, concat_ws(', ', 'by ' || increment_by, 'to ' || max_value, case when cycle then 'and round again' end),
  'schema', 'schema ' || schemaname, null, null, null
from s
union all
select name || ': used', case when used >= 0.99 then 'over 99 %' when used >= 0.95 then 'over 95 %'
    when used >= 0.9 then 'over 90 %' when used >= 0.8 then 'over 80 %' else 'less than 80 %' end,
  'crossing', name, null, null, null
from s where increment_by > 0 and not cycle
