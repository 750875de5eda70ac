"""Reads PostgreSQL's catalogue for holes in the walls; used as a system check, as a test and when a process starts."""

from django.db.backends.utils import CursorWrapper

from config.kernel.walls import APPEND_ONLY_TRIGGERS

# Tables without an organization, each with the reason why it has none. A new table in neither list is a fault.
GLOBAL_TABLES = {
    "users_user": "a person may belong to several organizations",
    "users_session": "a sign-in belongs to a person",
    "users_onetimetoken": "proves something about a person",
    "users_authenticator": "the second factor of a person",
    "users_recoverycode": "the second factor of a person",
    "users_signinchallenge": "a sign-in of a person that waits for the second factor",
    "users_firebaseidentity": "a Firebase user belongs to a person",
    "subscriptions_plan": "the price list",
    "subscriptions_planprice": "which plan each price at Stripe is or was of",
    "subscriptions_stripeobject": "ids of what there is once for the whole service at Stripe",
    "subscriptions_webhookevent": "a provider's event, before its organization is known",
    "subscriptions_reconcilerun": "compares the billing of all organizations; only the worker and staff see it",
    "kernel_idempotentrequest": "a repeated request, found by a keyed hash; its answer is encrypted",
    "kernel_platformkey": "the data key of short secrets of the platform, itself wrapped",
    "emails_providerevent": "a mail provider's event, before its organization is known; ids and codes only",
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
# Tenant tables whose organization may be null.
WITHOUT_ORGANIZATION = {
    "users_auditentry": "platform events belong to nobody, and no serving role can read them",
    "users_auditseal": "places in the chain of the platform's events",
    "users_auditcheckpoint": "heads of the chain of the platform's events",
}
# Uniques that do not begin with the organization. A duplicate in a row that nobody here can see is refused all the
# same, and the refusal tells that there is one: so each says why no caller can bring about or learn anything by it.
GLOBAL_UNIQUES = {
    "organizations_organization(slug)": "names it in addresses; made by us, led to by the random end of its own id",
    "organizations_organization(stripe_customer_id)": "finds whose a webhook is; Stripe makes it, the worker writes it",
    "organizations_invitation(token_hash)": "finds the invitation before its organization; 256 random bits of ours",
    "subscriptions_subscription(stripe_subscription_id)": "Stripe makes it; only the worker writes it",
    "subscriptions_invoice(stripe_invoice_id)": "Stripe makes it; only the worker writes it",
    "subscriptions_checkoutsession(stripe_session_id)": "finds the checkout before its organization; Stripe makes it",
    "licenses_license(key_hash)": "finds the licence before its organization; a keyed hash of 90 random bits of ours",
    "licenses_retiredkey(key_hash)": "finds the licence of a replaced key; a keyed hash of 90 random bits of ours",
    "licenses_license(subscription_id)": "one licence a subscription, which is of the same organization by reference",
}
# What serving roles may add to and never change or take from; triggers keep even the owner from it.
APPEND_ONLY = {"users_auditentry", "users_auditseal", "users_auditcheckpoint"}
# What no serving role may write, since it is power over every organization.
PRIVILEGED_COLUMNS = {"users_user.is_platform_admin"}

_TABLES = """
with tables as (
  select c.oid, c.relname, c.relrowsecurity and c.relforcerowsecurity as forced,
         coalesce(a.attname, case when c.relname = any(%(walled_by_id)s) then 'id' end) as wall_column,
         coalesce(a.attnotnull, true) as always_has_one
  from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
  left join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
  where c.relkind in ('r', 'p')
), tenant as (
  select *, '(' || wall_column || ' = ( SELECT (NULLIF(current_setting(''app.organization_id''%%' as own_rows
  from tables where wall_column is not null
)
"""
_WALL_FAULTS = (
    _TABLES  # noqa: S608  (constants)
    + """, policies as (
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
union all select relname || ': organization_id may be null' from tenant
  where not always_has_one and not relname = any(%(without_organization)s)
order by 1
"""
)
_KEY_FAULTS = (
    _TABLES  # noqa: S608  (constants)
    + """, uniques as (
  select t.relname, t.wall_column, t.relname || '(' || (
      select string_agg(pg_get_indexdef(i.indexrelid, k, true), ', ' order by k)
      from generate_series(1, i.indnkeyatts) k) || ')' as told, pg_get_indexdef(i.indexrelid, 1, true) as led_by
  from tenant t join pg_index i on i.indrelid = t.oid and i.indisunique and not i.indisprimary
), foreign_keys as (
  select k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.convalidated,
         own.attnum as own, theirs.attnum as theirs
  from pg_constraint k
  join tenant t on t.oid = k.conrelid
  join tenant p on p.oid = k.confrelid
  join pg_attribute own on own.attrelid = t.oid and own.attname = t.wall_column
  join pg_attribute theirs on theirs.attrelid = p.oid and theirs.attname = p.wall_column
  where k.contype = 'f'
)
select 'unique ' || told || ': does not begin with ' || wall_column || ', nor is it in the list of global ones'
  from uniques where led_by <> wall_column and not told = any(%(global_uniques)s)
-- The plain foreign key is the ORM's; beside it there must be one that carries the organization along.
union all select f.conrelid::regclass || ': ' || f.conname || ' may name a row of another organization'
  from foreign_keys f
  where not exists (
    select 1 from foreign_keys led where led.conrelid = f.conrelid and led.confrelid = f.confrelid and led.convalidated
      and led.conkey @> f.conkey and array_position(led.conkey, led.own) = array_position(led.confkey, led.theirs))
union all select t.relname || ': numbers from a sequence tell an organization how many rows the others make'
  from tenant t
  join pg_depend d on d.refobjid = t.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
order by 1
"""
)
_RIGHT_FAULTS = """
with roles as (
  select oid, rolname from pg_roles where rolname in ('coditect_app', 'coditect_worker')
), relations as (
  select c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
)
-- From the table itself: information_schema shows a role its own grants only, and this is asked as the weakest.
select c.relname || ': ' || coalesce(r.rolname, 'PUBLIC') || ' may ' || g.privilege_type
  from relations c cross join aclexplode(c.relacl) g left join roles r on r.oid = g.grantee
  where (r.oid is not null or g.grantee = 0)
    and (c.relkind <> 'S' and g.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')
         or c.relkind = 'S' and g.privilege_type in ('SELECT', 'UPDATE'))
union all select c.relname || ': ' || r.rolname || ' may ' || p from relations c cross join roles r
  cross join unnest(array['UPDATE', 'DELETE']) p
  where c.relname = any(%(append_only)s) and c.relkind in ('r', 'p')
    and (has_table_privilege(r.oid, c.oid, p) or p = 'UPDATE' and has_any_column_privilege(r.oid, c.oid, p))
union all select c.relname || '.' || a.attname || ': ' || r.rolname || ' may UPDATE' from relations c
  join pg_attribute a on a.attrelid = c.oid and c.relname || '.' || a.attname = any(%(privileged_columns)s)
  cross join roles r where has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')
union all select c.relname || '.' || a.attname || ': ' || r.rolname || ' may INSERT it as true' from relations c
  join pg_attribute a on a.attrelid = c.oid and c.relname || '.' || a.attname = any(%(privileged_columns)s)
  cross join roles r where has_column_privilege(r.oid, c.oid, a.attnum, 'INSERT') and not (c.relrowsecurity and exists (
    select 1 from pg_policy p where p.polrelid = c.oid and not p.polpermissive and p.polcmd in ('a', '*')
      and p.polroles = '{0}' and pg_get_expr(p.polwithcheck, c.oid) = '(NOT ' || a.attname || ')'))
union all select c.relname || ': belongs to ' || r.rolname from relations c join roles r on r.oid = c.relowner
  where c.relkind not in ('i', 'I')
union all select rolname || ': is a superuser or bypasses row-level security' from pg_roles
  where rolname in ('coditect_app', 'coditect_worker') and (rolsuper or rolbypassrls)
union all select p.proname || ': a definer function ' || fault from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace and n.nspname = 'public'
  cross join lateral (values
    ('without a pinned search_path',
     not exists (select 1 from unnest(p.proconfig) c where c like 'search_path=%%')),
    ('that everybody may call',
     exists (select 1 from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g where g.grantee = 0)),
    ('that runs as a superuser', (select rolsuper from pg_roles where oid = p.proowner))
  ) faults (fault, found)
  where p.prosecdef and found
union all select c.relname || ': a view without security_invoker, or a materialized view' from relations c
  where c.relkind = 'm'
    or c.relkind = 'v' and not coalesce(c.reloptions::text like '%%security_invoker=true%%', false)
union all select c.relname || ': a foreign table, which no policy covers' from relations c where c.relkind = 'f'
union all select kept || ': its append-only triggers are missing or can be switched off'
  from unnest(%(append_only)s::text[]) kept
  where 2 > (select count(*) from pg_trigger t where t.tgrelid = to_regclass(kept) and t.tgenabled = 'A'
    and t.tgname = any(%(triggers)s))
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
    lists = {
        "global": list(GLOBAL_TABLES),
        "walled_by_id": list(WALLED_BY_ID),
        "without_organization": list(WITHOUT_ORGANIZATION),
        "global_uniques": list(GLOBAL_UNIQUES),
        "append_only": list(APPEND_ONLY),
        "triggers": list(APPEND_ONLY_TRIGGERS),
        "privileged_columns": list(PRIVILEGED_COLUMNS),
    }
    faults: list[str] = []
    for query in (_WALL_FAULTS, _KEY_FAULTS, _RIGHT_FAULTS):
        cursor.execute(query, lists)
        faults += [row[0] for row in cursor.fetchall()]
    return faults


def role_faults(cursor: CursorWrapper) -> list[str]:
    """Return why the connected role is too strong to serve requests; empty when it is as weak as it must be."""
    cursor.execute(_ROLE_FAULTS)
    row = cursor.fetchone() or ()
    return [fault for fault in row if fault]
