"""Reads PostgreSQL's catalogue for holes in the walls; used as a system check, as a test and when a process starts."""

from django.db.backends.utils import CursorWrapper

# Tables without an organization, each with the reason why it has none. A new table in neither list is a fault.
GLOBAL_TABLES = {
    "users_user": "a person may belong to several organizations",
    "users_session": "a sign-in belongs to a person",
    "users_onetimetoken": "proves something about a person",
    "subscriptions_plan": "the price list",
    "subscriptions_webhookevent": "a provider's event, before its organization is known",
    "kernel_idempotentrequest": "a repeated request, found by a keyed hash; its answer is encrypted",
    "emails_mailboxmessage": "mails of local and test runs, which exist nowhere else",
    "django_migrations": "Django",
    "django_content_type": "Django",
    "django_session": "Django: sessions of the admin pages",
    "django_admin_log": "Django",
    "auth_permission": "Django",
    "auth_group": "Django",
    "auth_group_permissions": "Django",
    "procrastinate_jobs": "the job queue; its arguments are ids only",
    "procrastinate_events": "the job queue",
    "procrastinate_periodic_defers": "the job queue",
    "procrastinate_workers": "the job queue",
}
WALLED_BY_ID = {"organizations_organization"}

_WALL_FAULTS = """
with tables as (
  select c.oid, c.relname, c.relrowsecurity and c.relforcerowsecurity as forced,
         coalesce(a.attname, case when c.relname = any(%(walled_by_id)s) then 'id' end) as wall_column
  from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
  left join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
  where c.relkind in ('r', 'p')
), tenant as (
  select *, '(' || wall_column || ' = ( SELECT (NULLIF(current_setting(''app.organization_id''%%' as own_rows
  from tables where wall_column is not null
), policies as (
  select polrelid, polroles, polcmd, polpermissive, pg_get_expr(polqual, polrelid) as seen,
         -- Platform rows may be added under the wall, if it says so; no other way around is let in.
         replace(pg_get_expr(polwithcheck, polrelid), ' OR (organization_id IS NULL)', '') as written
  from pg_policy
)
select relname || ': neither tenant-owned nor in the list of global tables' from tables
  where wall_column is null and not relname = any(%(global)s)
union all select relname || ': row-level security is not enabled and forced' from tenant where not forced
union all select relname || ': no restrictive policy on ' || wall_column || ' for all commands and roles' from tenant t
  where not exists (select 1 from policies p where p.polrelid = t.oid and not p.polpermissive and p.polcmd = '*'
    and p.polroles = '{0}' and p.seen like t.own_rows and p.seen not like '%% OR %%'
    and p.written like '%%' || t.own_rows and p.written not like '%% OR %%')
union all select relname || ': no index led by ' || wall_column from tenant t
  where not exists (select 1 from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = t.oid and a.attname = t.wall_column)
-- From the table itself: information_schema shows a role its own grants only, and this is asked as the weakest.
union all select t.relname || ': ' || coalesce(r.rolname, 'PUBLIC') || ' may ' || g.privilege_type
  from tables t join pg_class c on c.oid = t.oid cross join aclexplode(c.relacl) g
  left join pg_roles r on r.oid = g.grantee
  where (r.rolname in ('coditect_app', 'coditect_worker') or g.grantee = 0)
    and g.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')
union all select p.proname || ': a definer function without a pinned search_path' from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace and n.nspname = 'public'
  where p.prosecdef and not exists (select 1 from unnest(p.proconfig) c where c like 'search_path=%%')
union all select c.relname || ': a view without security_invoker, or a materialized view' from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
  where c.relkind = 'm'
    or c.relkind = 'v' and not coalesce(c.reloptions::text like '%%security_invoker=true%%', false)
order by 1
"""
_ROLE_FAULTS = """
select case when r.rolsuper then 'it is a superuser' end,
  case when r.rolbypassrls then 'it bypasses row-level security' end,
  case when exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = 'public' and pg_get_userbyid(c.relowner) = current_user)
       then 'it owns tables' end,
  case when exists (select 1 from pg_roles o where (o.rolsuper or o.rolbypassrls)
                    and o.rolname <> current_user and pg_has_role(current_user, o.oid, 'MEMBER'))
       then 'it can become a role that bypasses row-level security' end
from pg_roles r where r.rolname = current_user
"""


def wall_faults(cursor: CursorWrapper) -> list[str]:
    """Return one sentence for each hole in the walls; an empty list is the only good answer."""
    cursor.execute(_WALL_FAULTS, {"global": list(GLOBAL_TABLES), "walled_by_id": list(WALLED_BY_ID)})
    return [row[0] for row in cursor.fetchall()]


def role_faults(cursor: CursorWrapper) -> list[str]:
    """Return why the connected role is too strong to serve requests; empty when it is as weak as it must be."""
    cursor.execute(_ROLE_FAULTS)
    row = cursor.fetchone() or ()
    return [fault for fault in row if fault]
