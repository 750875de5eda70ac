"""Migration operations for the walls between organizations: row-level security and grants, each reversible."""

from django.db.migrations import RunSQL

APP, WORKER, SYSTEM = "coditect_app", "coditect_worker", "coditect_system"

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


def definer_function(*, signature: str, returns: str, body: str, language: str = "sql", to: str = APP) -> RunSQL:
    """Create a narrow function that looks over the wall: it runs as the migrator, with a pinned search_path.

    For what must be known before an organization is (whose key is this?). Each such function answers one question
    about one exact value, never a list.
    """
    volatility = "STABLE" if language == "sql" else "VOLATILE"
    return RunSQL(
        sql=[
            f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} {volatility} SECURITY DEFINER "
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
