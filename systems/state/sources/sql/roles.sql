with r as (select * from pg_roles where rolname !~ '^pg_')
select 'role ' || rolname as what,
  concat_ws(', ',
    case when rolcanlogin then 'login' else 'no login' end, case when rolsuper then 'superuser' end,
    case when rolcreaterole then 'creates roles' end, case when rolcreatedb then 'creates databases' end,
    case when rolreplication then 'replication' end, case when rolbypassrls then 'past row security' end,
    case when not rolinherit then 'no inherit' end) as value,
  'role' as kind, '' as parent, null::text as coming, null::text as hidden, null::float8 as ends
from r
union all
select 'role ' || rolname || ': connection limit',
  case when rolconnlimit < 0 then 'none' else rolconnlimit::text end, 'limit', 'role ' || rolname, null, null, null
from r
union all
select 'role ' || rolname || ': valid until',
  case when rolvaliduntil is null or not isfinite(rolvaliduntil) then 'for ever'
       else to_char(rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') end,
  'role', 'role ' || rolname, null, null,
  case when isfinite(rolvaliduntil) then extract(epoch from rolvaliduntil)::float8 end
from r where rolcanlogin
union all
select 'role ' || m.rolname || ': member of ' || g.rolname,
  case when bool_or(a.admin_option) then 'with admin option' else 'member' end,
  'grant', 'role ' || m.rolname, null, null, null
from pg_auth_members a join pg_roles g on g.oid = a.roleid join r m on m.oid = a.member
group by m.rolname, g.rolname
union all
select 'database ' || datname, concat_ws(', ', 'owner ' || pg_get_userbyid(datdba),
    case when not datallowconn then 'nobody may connect' end), 'access', '', null, null, null
from pg_database where datname = current_database()
union all
select 'database ' || datname || ': connection limit',
  case when datconnlimit < 0 then 'none' else datconnlimit::text end, 'limit', 'database ' || datname, null, null, null
from pg_database where datname = current_database()
