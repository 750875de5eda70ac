"""The statements that read and extend audit chains; `{own}` stands for the condition that picks one chain's rows."""

from uuid import UUID

from users.chain import COLUMNS

# Where sealing stands: the entry sealed last. One whose transaction this server has not come to yet stems from a server
# that the data was moved from, and says nothing of what is sealed here.
_STANDS = """
  select h.COLUMN from users_auditseal s join users_auditentry h on h.id = s.entry_id
    and h.transaction_id < pg_snapshot_xmax(pg_current_snapshot())
  where s.{own} and s.sequence = (select max(n.sequence) from users_auditseal n where n.{own})
"""
_LEFT = """
  e.{own} and (e.transaction_id, e.id)
    > (coalesce(({transaction sealed last}), '0'), coalesce(({entry sealed last}), NIL))
  and not exists (select from users_auditseal s where s.entry_id = e.id)
"""
_PARTS = {
    "{left}": _LEFT.replace("NIL", f"'{UUID(int=0)}'"),
    # With the chain's own seals only, so that one chain is verified without looking at all the others.
    "{unsealed}": "e.{own} and not exists (select from users_auditseal s where s.entry_id = e.id and s.{own})",
    "{transaction sealed last}": _STANDS.replace("COLUMN", "transaction_id"),
    "{entry sealed last}": _STANDS.replace("COLUMN", "id"),
    "{columns}": COLUMNS,
}


def of_chain(statement: str, organization_id: UUID | None) -> str:
    """Return the statement for one chain; it takes `owner`. (`is not distinct from` would use no index.)"""
    return _filled(
        statement, own="organization_id is null" if organization_id is None else "organization_id = %(owner)s"
    )


def _filled(statement: str, *, own: str) -> str:
    for part, text in _PARTS.items():
        statement = statement.replace(part, text)
    return statement.replace("{own}", own)


LOCK = "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
HEAD = "select s.sequence, s.hash from users_auditseal s where s.{own} order by s.sequence desc limit 1"

# Over for certain: older than every transaction that goes on, or of another server (see above).
DUE = """
select {columns} from users_auditentry e
where {left} and (e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
                  or e.transaction_id >= pg_snapshot_xmax(pg_current_snapshot()))
order by e.transaction_id, e.id limit %(most)s
"""
APPEND = """
insert into users_auditseal (organization_id, entry_id, sequence, hash)
select %s, * from unnest(%s::uuid[], %s::bigint[], %s::bytea[])
"""
NOW = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
CHECKPOINT = """
insert into users_auditcheckpoint (id, organization_id, sequence, hash, signed_at, key_id, signature)
values (%s, %s, %s, %s, 'epoch'::timestamptz + %s * interval '1 microsecond', %s, %s)
"""
NEWEST_CHECKPOINTS = """
select distinct on (organization_id) organization_id, sequence, hash,
  (extract(epoch from signed_at) * 1000000)::bigint, key_id, signature
from users_auditcheckpoint order by organization_id, sequence desc
"""

_FIRST_LEFT = """
  select extract(epoch from clock_timestamp() - e.occurred_at)::float8 as seconds
  from users_auditentry e where {left} order by e.transaction_id, e.id limit 1
"""
# The recursion hops from one organization to the next by the index, however many entries each has.
CHAINS_WITH_WORK = """
with recursive owner(id) as (
  (select organization_id from users_auditentry where organization_id is not null order by organization_id limit 1)
  union all
  select (select e.organization_id from users_auditentry e where e.organization_id > o.id
          order by e.organization_id limit 1)
  from owner o where o.id is not null
)
select o.id, waiting.seconds from owner o, lateral ({of an organization}) waiting where o.id is not null
union all select null, waiting.seconds from ({of the platform}) waiting
""".replace("{of an organization}", _filled(_FIRST_LEFT, own="organization_id = o.id")).replace(
    "{of the platform}", _filled(_FIRST_LEFT, own="organization_id is null")
)

EVERY_CHAIN = """
select organization_id from users_auditentry union select organization_id from users_auditseal
union select organization_id from users_auditcheckpoint order by 1
"""
PLACES = """
select s.sequence, s.entry_id, s.hash, c.hash,
  case when isfinite(c.signed_at) then trunc(extract(epoch from c.signed_at) * 1000000) else 0 end, c.key_id,
  c.signature, {columns}
from (select * from users_auditseal where {own} and sequence > %(after)s order by sequence limit %(page)s) s
left join users_auditentry e on e.id = s.entry_id
left join users_auditcheckpoint c on c.{own} and c.sequence = s.sequence
order by s.sequence
"""
# What the sealer has passed by, in its order of transactions, it will not come back to.
SLIPPED_IN = """
select e.id from users_auditentry e
where {unsealed} and (e.transaction_id < ({transaction sealed last})
                      or extract(epoch from e.occurred_at) * 1000000 < %(oldest)s)
order by e.id limit %(most)s
"""
SIGNED_BUT_GONE = """
select c.sequence from users_auditcheckpoint c
where c.{own} and not exists (select from users_auditseal s where s.{own} and s.sequence = c.sequence)
order by c.sequence limit %(most)s
"""
COUNT_UNSEALED = """
select count(*),
  extract(epoch from clock_timestamp() - min(e.occurred_at) filter (where isfinite(e.occurred_at)))::float8
from users_auditentry e where {unsealed}
"""
HASH_AT = "select hash from users_auditseal where {own} and sequence = %(sequence)s"
