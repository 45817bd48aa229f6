with n as (select * from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
c as (
  select c.*, n.nspname, case when c.relkind in ('v', 'm') then 'view ' else 'table ' end
    || quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
  from pg_class c join n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
),
parts as (
  select c.name, 'column ' || t.attname as part, concat_ws(' ',
    format_type(t.atttypid, t.atttypmod), case when t.attnotnull then 'not null' end,
    case when t.attgenerated <> '' then 'generated as ' when f.adbin is not null then 'default ' end
      || pg_get_expr(f.adbin, f.adrelid),
    case when t.attidentity <> '' then 'identity' end) as value
  from c join pg_attribute t on t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped
    left join pg_attrdef f on f.adrelid = c.oid and f.adnum = t.attnum
  where c.relkind in ('r', 'p', 'f')
  union all
  select c.name, 'constraint ' || k.conname, pg_get_constraintdef(k.oid)
  from c join pg_constraint k on k.conrelid = c.oid and k.contype <> 'n'
  union all
  select c.name, 'index ' || i.relname, concat_ws(' ', pg_get_indexdef(x.indexrelid),
    case when not x.indisvalid then '(not valid)' end, case when not x.indisready then '(not ready)' end)
  from c join pg_index x on x.indrelid = c.oid join pg_class i on i.oid = x.indexrelid
  where not exists (select 1 from pg_constraint k where k.conindid = x.indexrelid and k.conrelid = c.oid)
  union all
  select c.name, 'trigger ' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid),
    case t.tgenabled when 'D' then '(disabled)' when 'R' then '(on replicas)' when 'A' then '(always)' end)
  from c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
  union all
  select c.name, 'rule ' || w.rulename, pg_get_ruledef(w.oid)
  from c join pg_rewrite w on w.ev_class = c.oid where w.rulename <> '_RETURN'
  union all
  select c.name, 'policy ' || y.polname, concat_ws(' ',
    case when y.polpermissive then 'AS PERMISSIVE' else 'AS RESTRICTIVE' end,
    'FOR ' || case y.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE'
      else 'ALL' end,
    'TO ' || (
      select string_agg(case when r = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(r)) end, ', ' order by r)
      from unnest(y.polroles) r),
    'USING (' || pg_get_expr(y.polqual, y.polrelid) || ')',
    'WITH CHECK (' || pg_get_expr(y.polwithcheck, y.polrelid) || ')')
  from c join pg_policy y on y.polrelid = c.oid
)
select 'schema ' || nspname as what, 'owner ' || pg_get_userbyid(nspowner) as value, 'schema' as kind,
  '' as parent, null::text as coming, null::text as hidden, null::float8 as ends
from n
union all
select name, concat_ws(', ', 'owner ' || pg_get_userbyid(relowner), case when relpersistence = 'u' then 'unlogged' end,
    case when relrowsecurity then 'row security' end,
    case when relforcerowsecurity then 'row security for its owner too' end, array_to_string(reloptions, ', ')),
  'schema', 'schema ' || nspname, null,
  case when relkind in ('v', 'm') then md5(concat_ws(',', pg_get_viewdef(oid), array_to_string(reloptions, ','))) end, null
from c
union all
select name || ': ' || part, value, 'schema', name, null, null, null from parts
union all
-- what stays the same when somebody gives it another name
select 'relation no. ' || oid, name, 'schema', name, null, null, null from c
union all
select 'relation no. ' || c.oid || ', column no. ' || t.attnum, c.name || ': column ' || t.attname, 'schema', c.name,
  null, null, null
from c join pg_attribute t on t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped
where c.relkind in ('r', 'p', 'f')
