-- The whole text of functions and views, with the hash of the very body that `objects` and `tables` tell of.
with n as (select * from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
select 'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as what,
  pg_get_functiondef(p.oid) as value, 'schema' as kind, '' as parent, null::text as coming,
  md5(concat_ws(',', p.prosrc, p.probin, to_jsonb(p) ->> 'prosqlbody', p.prorettype::regtype::text)) as hidden, null::float8 as ends
from pg_proc p join n on n.oid = p.pronamespace
where p.prokind in ('f', 'p') and not exists (
  select 1 from pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
union all
select 'view ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
  'CREATE OR REPLACE VIEW ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
    || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || ' AS ' || pg_get_viewdef(c.oid),
  'schema', '', null, md5(concat_ws(',', pg_get_viewdef(c.oid), array_to_string(c.reloptions, ','))), null
from pg_class c join n on n.oid = c.relnamespace where c.relkind = 'v'
