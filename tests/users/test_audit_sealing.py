"""The sealed audit log: what is appended gets its place in a chain, and whatever is done to it later is named."""

import hashlib
import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from config.kernel.ids import new_id
from tests.api.beneath import as_owner
from tests.audit_trail import append, append_many, let_others_finish, places, seal, sealed, tampering, verify
from tests.jobs import as_role
from tests.plugins import servers
from users import chain
from users.chain import Leaf
from users.services import audit_sealing
from users.tasks import seal_audit

pytestmark = pytest.mark.usefixtures("db")

DENIED = psycopg.errors.InsufficientPrivilege


class TestHash:
    LEAF = Leaf(
        UUID(int=1), None, "THING_CHANGED", UUID(int=2), "thing", None, '{"a": 1.50, "é": [true]}', "-",
        "1790000000123456", "4294967297",
    )  # fmt: skip

    def test_is_the_one_that_is_written_in_the_documentation(self) -> None:
        """A chain outlives every release: these bytes may never change."""
        columns = [UUID(int=1).bytes, None, b"THING_CHANGED", UUID(int=2).bytes, b"thing", None,
                   '{"a": 1.50, "é": [true]}'.encode(), b"-", b"1790000000123456",
                   b"4294967297"]  # fmt: skip
        written = b"".join(b"\xff" * 4 if one is None else len(one).to_bytes(4, "big") + one for one in columns)
        whole = b"coditect audit entry, layout 1\n" + bytes(32) + (1).to_bytes(8, "big") + written
        assert chain.link(bytes(32), 1, self.LEAF) == hashlib.sha256(whole).digest()
        assert hashlib.sha256(whole).hexdigest() == "942fa1cb8e702c15ff027567da66df7c12cdb9377b8a45b7464157ee8665bd70"

    def test_covers_every_column_of_an_entry(self) -> None:
        rows = as_owner("select column_name from information_schema.columns where table_name = 'users_auditentry'")
        assert {name for (name,) in rows} == set(Leaf._fields)

    def test_tells_texts_apart_that_only_run_together_alike(self) -> None:
        one, other = self.LEAF._replace(data="1", request_id="23"), self.LEAF._replace(data="12", request_id="3")
        assert chain.canonical(one) != chain.canonical(other)


class TestSealing:
    def test_numbers_the_entries_of_each_organization_and_of_the_platform(self) -> None:
        ada, eve = new_id(), new_id()
        append(ada, 3)
        append(None, 2)
        append(eve, 1)
        assert seal() == 6
        append(ada, 2)
        assert seal() == 2
        assert [sequence for sequence, _ in places(ada)] == [1, 2, 3, 4, 5]
        assert [sequence for sequence, _ in places(None)] == [1, 2]
        assert [sequence for sequence, _ in places(eve)] == [1]
        assert verify() == []
        assert seal() == 0

    def test_takes_more_entries_than_fit_into_one_transaction(self) -> None:
        ada = new_id()
        append_many(ada, audit_sealing.MOST_AT_ONCE * 2 + 1)
        assert seal() == audit_sealing.MOST_AT_ONCE * 2 + 1
        assert [sequence for sequence, _ in places(ada)] == list(range(1, audit_sealing.MOST_AT_ONCE * 2 + 2))
        assert as_owner("select sequence from users_auditcheckpoint order by 1") == [(5000,), (10000,), (10001,)]
        assert verify() == []

    def test_is_a_job_of_the_worker(self) -> None:
        append(new_id(), 2)
        let_others_finish()
        with as_role("worker"):
            seal_audit()
        assert as_owner("select count(*) from users_auditseal") == [(2,)]

    def test_of_a_chain_that_fails_holds_up_no_other(self) -> None:
        broken, whole = sorted([sealed(count=1), sealed(count=1)])
        append(broken, 1)
        append(whole, 1)
        last = "insert into users_auditseal (entry_id, organization_id, sequence, hash) values (%s, %s, %s, '')"
        as_owner(last, new_id(), broken, 2**63 - 1)
        assert seal() == 1
        assert len(places(whole)) == 2

    def test_goes_on_where_entries_came_from_another_server(self) -> None:
        """A dump that is loaded elsewhere brings transaction numbers that the new server has not reached."""
        ada = sealed(count=3)
        append(ada, 2)
        with tampering() as owner:
            owner.execute("update users_auditentry set transaction_id = '9000000000'")
            owner.execute("delete from users_auditseal")
            owner.execute("delete from users_auditcheckpoint")
        assert seal() == 5
        append(ada, 2)
        assert seal() == 2
        append(ada, 1)
        assert seal() == 1
        assert verify() == []

    def test_is_signed_at_each_head_and_told_to_the_log(self, json_lines: Callable[[], list[dict[str, Any]]]) -> None:
        ada = sealed(count=4)
        (line,) = [line for line in json_lines() if line["message"] == "audit checkpoint"]
        ((hash_, signature),) = as_owner("select hash, signature from users_auditcheckpoint")
        assert (line["organization_id"], line["sequence"]) == (str(ada), 4)
        assert (line["hash"], line["signature"]) == (hash_.hex(), signature.hex())
        with as_role("worker"):
            assert audit_sealing.repeat_checkpoints() == 1
        told = [line for line in json_lines() if line["message"] == "audit checkpoint"]
        assert told[0] == told[1] | {"time": told[0]["time"]}


class TestRights:
    FORBIDDEN = (
        "update users_auditentry set action = 'NOTHING'", "delete from users_auditentry", "truncate users_auditentry",
        "update users_auditseal set sequence = 7", "delete from users_auditseal", "truncate users_auditseal",
        "update users_auditcheckpoint set sequence = 7", "delete from users_auditcheckpoint",
        "truncate users_auditcheckpoint",
    )  # fmt: skip
    SEALING = (
        "insert into users_auditseal (entry_id, sequence, hash) values (gen_random_uuid(), 99, '')",
        "insert into users_auditcheckpoint (id, sequence, hash, signed_at, key_id, signature) "
        "values (gen_random_uuid(), 99, '', now(), '', '')",
    )
    UNSEALABLE = """
      insert into users_auditentry (id, action, object_type, data, request_id, occurred_at, transaction_id)
      values (gen_random_uuid(), 'A', 'b', '{}', '', now(), '9000000000')
    """

    @pytest.mark.parametrize("role", ["app", "worker", "system", "migrator"])
    def test_to_change_the_log_are_nobodys(self, role: str) -> None:
        sealed()
        with psycopg.connect(servers.current().postgres.url(role), autocommit=True) as connection:
            for statement in self.FORBIDDEN:
                with pytest.raises(DENIED):
                    connection.execute(statement)

    def test_to_change_the_log_are_not_won_by_telling_triggers_to_stand_aside(self) -> None:
        sealed()
        with psycopg.connect(servers.current().postgres.url("superuser"), autocommit=True) as superuser:
            superuser.execute("set session_replication_role = replica")
            for statement in self.FORBIDDEN:
                with pytest.raises(DENIED, match="is append-only"):
                    superuser.execute(statement)

    @pytest.mark.parametrize("role", ["app", "system"])
    def test_to_seal_are_the_workers(self, role: str) -> None:
        with psycopg.connect(servers.current().postgres.url(role), autocommit=True) as connection:
            for statement in (*self.SEALING, self.UNSEALABLE):
                with pytest.raises(DENIED):
                    connection.execute(statement)

    def test_of_the_worker_end_at_choosing_when_an_entry_is_sealed(self) -> None:
        with (
            psycopg.connect(servers.current().postgres.url("worker"), autocommit=True) as worker,
            pytest.raises(DENIED),
        ):
            worker.execute(self.UNSEALABLE)


CHANGES = {
    "organization_id": "gen_random_uuid()", "action": "'THING_CHANGEE'", "actor_id": "null",
    "object_type": "'thinh'", "object_id": "gen_random_uuid()", "data": """'{"number": 2.0}'""",
    "request_id": "'x'", "occurred_at": "occurred_at + interval '1 microsecond'",
    "transaction_id": "'7'",
}  # fmt: skip


class TestVerification:
    def edit(self, organization_id: UUID, sequence: int, change: str) -> UUID:
        """Change an entry behind the log's back; return its id."""
        entry_id = dict(places(organization_id))[sequence]
        with tampering() as owner:
            owner.execute(f"update users_auditentry set {change} where id = %s", [entry_id])  # noqa: S608
        return entry_id

    @pytest.mark.parametrize("column", CHANGES)
    def test_names_an_entry_with_one_column_changed(self, column: str) -> None:
        ada = sealed()
        sealed()
        entry_id = self.edit(ada, 3, f"{column} = {CHANGES[column]}")
        (named,) = verify()
        assert named.startswith(f"organization {ada}, sequence 3, entry {entry_id}: was edited")

    def test_tries_every_column_but_the_id(self) -> None:
        assert set(CHANGES) == set(Leaf._fields) - {"id"}

    def test_names_a_changed_entry_of_the_platform(self) -> None:
        append(None, 3)
        seal()
        entry_id = dict(places(None))[2]
        with tampering() as owner:
            owner.execute("update users_auditentry set actor_id = null where id = %s", [entry_id])
        (named,) = verify(organization="platform")
        assert named.startswith(f"platform, sequence 2, entry {entry_id}: was edited")

    def test_names_a_deleted_entry(self) -> None:
        ada = sealed()
        entry_id = dict(places(ada))[2]
        with tampering() as owner:
            owner.execute("delete from users_auditentry where id = %s", [entry_id])
        assert verify() == [f"organization {ada}, sequence 2, entry {entry_id}: is missing: the entry was deleted"]

    def test_names_an_entry_whose_id_was_changed(self) -> None:
        ada = sealed()
        entry_id, another = dict(places(ada))[2], new_id()
        with tampering() as owner:
            owner.execute("update users_auditentry set id = %s where id = %s", [another, entry_id])
        told = verify()
        assert f"organization {ada}, sequence 2, entry {entry_id}: is missing: the entry was deleted" in told
        assert (
            f"organization {ada}, entry {another}: was put in behind the seal: it is older than what is sealed" in told
        )

    def test_names_a_seal_that_is_missing(self) -> None:
        ada = sealed()
        entry_id = dict(places(ada))[2]
        with tampering() as owner:
            owner.execute("delete from users_auditseal where entry_id = %s", [entry_id])
        told = verify()
        assert any(one.startswith(f"organization {ada}, sequence 3") and "follows sequence 1" in one for one in told)
        assert any(str(entry_id) in one and "behind the seal" in one for one in told)

    @pytest.mark.parametrize("what", ["places", "contents"])
    def test_names_two_entries_that_were_exchanged(self, what: str) -> None:
        ada = sealed()
        two, four, aside = dict(places(ada))[2], dict(places(ada))[4], new_id()
        table, column = ("users_auditseal", "entry_id") if what == "places" else ("users_auditentry", "id")
        with tampering() as owner:
            for before, after in ((two, aside), (four, two), (aside, four)):
                owner.execute(f"update {table} set {column} = %s where {column} = %s", [after, before])  # noqa: S608
        told = verify()
        assert len(told) == 2
        assert "sequence 2" in told[0]
        assert told[0].endswith("was re-ordered: what belongs here stands at sequence 4")
        assert "sequence 4" in told[1]
        assert told[1].endswith("was re-ordered: what belongs here stands at sequence 2")

    def test_names_an_entry_that_was_put_in_with_an_old_transaction(self) -> None:
        ada, slipped = sealed(), new_id()
        ((old,),) = as_owner("select transaction_id::text from users_auditentry where id = %s", dict(places(ada))[2])
        self.put_in(ada, slipped, "now()", f"'{old}'")
        assert seal() == 0
        assert verify() == [
            f"organization {ada}, entry {slipped}: was put in behind the seal: it is older than what is sealed"
        ]

    @pytest.mark.parametrize("sealed_since", [False, True])
    def test_names_an_entry_that_was_put_in_with_an_old_time(self, sealed_since: bool) -> None:
        ada, slipped = sealed(), new_id()
        self.put_in(ada, slipped, "now() - interval '3 days'", "pg_current_xact_id()")
        if sealed_since:
            assert seal() == 1
        (named,) = verify()
        assert str(slipped) in named
        assert ("misdated" in named) == sealed_since

    @pytest.mark.parametrize("occurred_at", ["now()", "now() - interval '3 days'"])
    def test_names_an_entry_that_was_put_in_with_an_old_id(self, occurred_at: str) -> None:
        ada = sealed()
        slipped = UUID(int=new_id().int - (3 * 86_400_000 << 80))
        self.put_in(ada, slipped, occurred_at, "pg_current_xact_id()")
        assert seal() == 1
        (named,) = verify()
        assert f"sequence 6, entry {slipped}: is misdated" in named

    def put_in(self, organization_id: UUID, entry_id: UUID, occurred_at: str, transaction_id: str) -> None:
        """Insert an entry as the tables' owner can."""
        as_owner(
            "insert into users_auditentry (id, organization_id, action, object_type, data, request_id, occurred_at, "  # noqa: S608
            f"transaction_id) values (%s, %s, 'A', 'b', '{{}}', '', {occurred_at}, {transaction_id})",
            entry_id,
            organization_id,
        )

    def test_is_not_taken_in_by_a_chain_that_was_computed_anew(self) -> None:
        ada = sealed()
        self.edit(ada, 3, "actor_id = null")
        with tampering() as owner:
            hash_ = bytes(32)
            columns = f"select {chain.COLUMNS} from users_auditseal s join users_auditentry e on e.id = s.entry_id"  # noqa: S608
            for sequence, row in enumerate(owner.execute(f"{columns} order by s.sequence").fetchall(), 1):
                hash_ = chain.link(hash_, sequence, Leaf(*row))
                owner.execute("update users_auditseal set hash = %s where entry_id = %s", [hash_, row[0]])
            assert "the chain was written anew" in verify()[0]
            owner.execute("update users_auditcheckpoint set hash = %s", [hash_])
        assert "is not signed by a key of ours" in verify()[0]

    def test_names_a_chain_whose_end_was_cut_off_with_its_seals(self) -> None:
        ada = sealed()
        with tampering() as owner:
            owner.execute("delete from users_auditentry where id = %s", [dict(places(ada))[5]])
            owner.execute("delete from users_auditseal where sequence = 5")
        told = verify()
        assert any("sequence 4: is the last of the chain and has no signed checkpoint" in one for one in told)
        assert any("sequence 5: is missing: a signed checkpoint says that it was there" in one for one in told)

    def test_finds_by_checkpoints_kept_elsewhere_that_an_end_was_cut_off_without_a_trace(
        self, tmp_path: Any, json_lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        ada, eve = sealed(count=3), sealed(count=2)
        append(ada, 2)
        seal()
        kept = tmp_path / "kept"
        lines = [json.dumps(line) for line in json_lines()]
        kept.write_text("\n".join(["not JSON", *lines[:1], *(f'{{"jsonPayload": {line}}}' for line in lines[1:])]))
        assert verify(checkpoints=kept) == []
        with tampering() as owner:
            owner.execute("delete from users_auditentry where organization_id = %s", [eve])
            owner.execute(
                "delete from users_auditentry e using users_auditseal s where s.entry_id = e.id and sequence > 3"
            )
            owner.execute("delete from users_auditseal where sequence > 3 or organization_id = %s", [eve])
            owner.execute("delete from users_auditcheckpoint where sequence > 3 or organization_id = %s", [eve])
        assert verify() == [], "from the inside nothing is to be seen"
        missing = "is missing: a checkpoint kept elsewhere says that it was there"
        assert sorted(verify(checkpoints=kept)) == sorted(
            [f"organization {ada}, sequence 5: {missing}", f"organization {eve}, sequence 2: {missing}"]
        )

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"])
    @pytest.mark.parametrize("style", ["ISO, MDY", "German, DMY", "SQL, DMY"])
    def test_does_not_depend_on_how_the_session_writes_times(self, zone: str, style: str) -> None:
        ada = sealed()
        with connections["system"].cursor() as cursor:
            cursor.execute(
                "select set_config('TimeZone', %s, false), set_config('DateStyle', %s, false)", [zone, style]
            )
            cursor.execute(
                "select set_config('extra_float_digits', '-15', false), set_config('bytea_output', 'escape', false)"
            )
        assert verify() == []
        self.edit(ada, 2, "occurred_at = occurred_at + interval '1 microsecond'")
        assert len(verify()) == 1
        connections["system"].close()

    @pytest.mark.parametrize("moment", ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31"])
    def test_names_entries_whose_time_nobody_can_read(self, moment: str) -> None:
        ada = sealed()
        self.edit(ada, 2, f"occurred_at = '{moment}'")
        (named,) = verify()
        assert f"organization {ada}, sequence 2" in named

    def test_says_how_much_is_not_sealed_yet_and_since_when(self) -> None:
        sealed(count=2)
        append(new_id(), 3)
        told = StringIO()
        call_command("verify_audit", stdout=told)
        assert "2 sealed entries in 2 chains" in told.getvalue()
        assert "3 entries not sealed yet, the oldest for 0 s" in told.getvalue()
