"""Migration operations for the walls between organizations: row-level security and grants, each reversible."""

from django.db.migrations import RunSQL

APP, WORKER, SYSTEM = "coditect_app", "coditect_worker", "coditect_system"

APPEND_ONLY_TRIGGERS = ("append_only_rows", "append_only_table")

# NULLIF, because after a COMMIT the setting is '' and not NULL; the sub-select, so that it is evaluated once a query.
CURRENT = "(SELECT NULLIF(current_setting('app.organization_id', true), '')::uuid)"


def tenant_wall(
    table: str,
    *,
    column: str = "organization_id",
    platform_rows: bool = False,
    system: str = "SELECT, INSERT, UPDATE, DELETE",
) -> RunSQL:
    """Put a table behind the wall: only rows of the transaction's organization exist, for reading and writing.

    The wall is a RESTRICTIVE policy, so no later policy can widen it; the permissive one beneath it is where finer
    rules (privacy levels) go. `platform_rows` also lets rows without an organization be inserted, and never be read.
    `system` is what the cross-tenant role may do with the table.
    """
    check = f"{column} = {CURRENT}" + (f" OR {column} IS NULL" if platform_rows else "")
    return RunSQL(
        sql=[
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_wall ON {table} AS RESTRICTIVE FOR ALL "
            f"USING ({column} = {CURRENT}) WITH CHECK ({check})",
            f"CREATE POLICY tenant_rows ON {table} AS PERMISSIVE FOR ALL USING (true) WITH CHECK (true)",
            f"GRANT {system} ON {table} TO {SYSTEM}",
        ],
        reverse_sql=[
            f"REVOKE ALL ON {table} FROM {SYSTEM}",
            f"DROP POLICY tenant_rows ON {table}",
            f"DROP POLICY tenant_wall ON {table}",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ],
    )


def grant(table: str, privileges: str, *, to: str = APP) -> RunSQL:
    """Grant what a role may do with a table; `coditect_worker` inherits all that `coditect_app` may."""
    return RunSQL(sql=f"GRANT {privileges} ON {table} TO {to}", reverse_sql=f"REVOKE {privileges} ON {table} FROM {to}")


def tenant_key(table: str) -> RunSQL:
    """Let rows be referenced together with their organization (`tenant_reference`); in a migration that is not atomic.

    The index is made concurrently, so that nobody waits for it.
    """
    return RunSQL(
        sql=f"CREATE UNIQUE INDEX CONCURRENTLY {table}_tenant_key ON {table} (organization_id, id)",
        reverse_sql=f"DROP INDEX CONCURRENTLY {table}_tenant_key",
    )


def tenant_reference(table: str, column: str, *, to: str, key: str = "id", on_delete: str = "NO ACTION") -> RunSQL:
    """Let a row name only a parent of its own organization, beside the foreign key that the ORM knows.

    PostgreSQL checks foreign keys past row-level security: by itself `column` could name another organization's row,
    and tell by an error whether there is one. In a migration that is not atomic: old rows are validated in a
    transaction of their own, under a lock that lets everybody read and write.
    """
    name = f"{table}_{column}_of_tenant"
    return RunSQL(
        sql=[
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organization_id, {column}) "
            f"REFERENCES {to} (organization_id, {key}) ON DELETE {on_delete} NOT VALID",
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
        ],
        reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


def freeze(table: str, *columns: str, of: str = APP) -> RunSQL:
    """Let a role that may change a table's rows change them no longer in these columns.

    A right to change all columns becomes one for each other column; a column that is added later needs a `grant` of
    its own ("UPDATE (name)").
    """
    frozen = ", ".join(f"'{column}'" for column in columns)
    return RunSQL(
        sql=f"""
            DO $freeze$
            DECLARE free text;
            BEGIN
                SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO free FROM pg_attribute
                WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ({frozen});
                REVOKE UPDATE ON {table} FROM {of};
                EXECUTE format('GRANT UPDATE (%s) ON {table} TO {of}', free);
            END
            $freeze$
        """,  # noqa: S608  (names from migrations)
        reverse_sql=[f"REVOKE UPDATE ON {table} FROM {of}", f"GRANT UPDATE ON {table} TO {of}"],
    )


def refuse_new(table: str, column: str) -> RunSQL:
    """Let nobody who is bound by policies insert a row in which this boolean column is true.

    A policy and no column right, because the ORM names every column when it inserts.
    """
    return RunSQL(
        sql=[
            f"CREATE POLICY every_row ON {table} AS PERMISSIVE FOR ALL USING (true) WITH CHECK (true)",
            f"CREATE POLICY no_new_{column} ON {table} AS RESTRICTIVE FOR INSERT WITH CHECK (NOT {column})",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        ],
        reverse_sql=[
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            f"DROP POLICY no_new_{column} ON {table}",
            f"DROP POLICY every_row ON {table}",
        ],
    )


def delete_only(table: str, condition: str, *, by: str) -> RunSQL:
    """Let a role that may delete a table's rows delete only those that fulfil a condition; others it does not find."""
    name = f"{by}_deletes"
    return RunSQL(
        sql=f"CREATE POLICY {name} ON {table} AS RESTRICTIVE FOR DELETE TO {by} USING ({condition})",
        reverse_sql=f"DROP POLICY {name} ON {table}",
    )


def append_only(table: str) -> RunSQL:
    """Let nobody change or empty a table, its owner included: not even with triggers told to stand aside.

    `session_replication_role = replica` switches ordinary triggers off; ENABLE ALWAYS ones go on.
    """
    return RunSQL(
        sql=[
            f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS "
            f"$function$ BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'insufficient_privilege'; END "
            "$function$",
            f"REVOKE ALL ON FUNCTION {table}_append_only() FROM PUBLIC",
            f"CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION {table}_append_only()",
            f"CREATE TRIGGER append_only_table BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            f"EXECUTE FUNCTION {table}_append_only()",
            *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}" for name in APPEND_ONLY_TRIGGERS),
        ],
        reverse_sql=[
            *(f"DROP TRIGGER {name} ON {table}" for name in reversed(APPEND_ONLY_TRIGGERS)),
            f"DROP FUNCTION {table}_append_only()",
        ],
    )


def definer_function(
    *,
    signature: str,
    returns: str,
    body: str,
    language: str = "sql",
    to: str = APP,
    planned_once: bool = False,
) -> RunSQL:
    """Create a narrow function that looks over the wall: it runs as the migrator, with a pinned search_path.

    For what must be known before an organization is (whose key is this?). Each such function answers one question
    about one exact value, never a list.

    In SQL its plan is made at each call. With `planned_once` (in PL/pgSQL, and of one statement that only reads) it is
    made once a connection, for any value: for what is asked all the time.
    """
    volatility = "STABLE" if language == "sql" or planned_once else "VOLATILE"
    plan = " SET plan_cache_mode = force_generic_plan" if planned_once else ""
    return RunSQL(
        sql=[
            f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} {volatility} SECURITY DEFINER "
            f"SET search_path = pg_catalog, public, pg_temp{plan} AS $function$ {body} $function$",
            f"REVOKE ALL ON FUNCTION {_bare(signature)} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {_bare(signature)} TO {to}",
        ],
        reverse_sql=f"DROP FUNCTION {_bare(signature)}",
    )


def invoker_function(*, signature: str, returns: str, body: str, to: str = APP) -> RunSQL:
    """Create a function that saves round trips and gives no rights: it runs as its caller, inside the walls.

    In PL/pgSQL and VOLATILE: each statement in it sees what was committed before that statement began.
    """
    return RunSQL(
        sql=[
            f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE plpgsql VOLATILE SECURITY INVOKER "
            f"SET search_path = pg_catalog, public, pg_temp AS $function$ {body} $function$",
            f"REVOKE ALL ON FUNCTION {_bare(signature)} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {_bare(signature)} TO {to}",
        ],
        reverse_sql=f"DROP FUNCTION {_bare(signature)}",
    )


def replaced(old: RunSQL, *, by: RunSQL) -> list[RunSQL]:
    """Return the operations that put one function, made with `definer_function`, in the place of another."""
    return [RunSQL(sql=old.reverse_sql or (), reverse_sql=old.sql), by]


def _bare(signature: str) -> str:
    """Turn `name(argument type, …)` into `name(type, …)`, the form that GRANT and DROP are sure to take."""
    name, _, arguments = signature.rstrip(")").partition("(")
    return f"{name}({', '.join(part.split()[-1] for part in arguments.split(','))})"
