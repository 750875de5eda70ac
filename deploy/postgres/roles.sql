-- The four database roles of CODITECT Cloud, and what each may do with this database as a whole.
--
-- Run it in the target database as an administrator (a superuser, or the cloud's admin user with CREATEROLE):
--     psql "$ADMIN_URL" -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql
-- It is idempotent, holds no password (set them with ALTER ROLE … PASSWORD, from a secret store), and touches no
-- table: rights on tables are granted by the migrations that create them. The local launcher and the tests run this
-- same file, so that a wall missing here is missing everywhere, and is noticed.
--
--   coditect_migrator  owns the database and everything in it; runs `migrate`, nothing else. BYPASSRLS, because data
--                      migrations touch every organization's rows although RLS is forced on owners too.
--   coditect_app       the web process. Owns nothing, cannot bypass row-level security, cannot create anything.
--   coditect_worker    the job process. The same walls; inherits what app may do, migrations add the job tables.
--   coditect_system    the one door across organizations, entered in code by `system_context(reason=…)`. BYPASSRLS,
--                      owns nothing.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['coditect_migrator', 'coditect_app', 'coditect_worker', 'coditect_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
    END LOOP;
END
$$;

-- Attributes are stated in full each time, so that a role changed by hand is put right by the next run.
-- CREATEDB of the migrator is left alone: only a launcher that needs test databases grants it.
ALTER ROLE coditect_migrator LOGIN BYPASSRLS INHERIT NOCREATEROLE;
ALTER ROLE coditect_app      LOGIN NOBYPASSRLS INHERIT NOCREATEDB NOCREATEROLE;
ALTER ROLE coditect_worker   LOGIN NOBYPASSRLS INHERIT NOCREATEDB NOCREATEROLE;
ALTER ROLE coditect_system   LOGIN BYPASSRLS INHERIT NOCREATEDB NOCREATEROLE;

-- Taking SUPERUSER and REPLICATION away needs a superuser even where there is nothing to take, so a managed
-- service's admin user skips it (it could not have given them either).
DO $$
BEGIN
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        ALTER ROLE coditect_migrator NOSUPERUSER NOREPLICATION;
        ALTER ROLE coditect_app      NOSUPERUSER NOREPLICATION;
        ALTER ROLE coditect_worker   NOSUPERUSER NOREPLICATION;
        ALTER ROLE coditect_system   NOSUPERUSER NOREPLICATION;
    ELSE
        -- Handing the database over requires being a member of the new owner.
        EXECUTE format('GRANT coditect_migrator TO %I', current_user);
    END IF;
END
$$;

-- One direction only: worker may do what app may. Policies written FOR app hold for worker as well.
GRANT coditect_app TO coditect_worker;

-- A request or job that hangs must not hold locks for ever. Times are ceilings, far above any healthy statement.
ALTER ROLE coditect_app      SET statement_timeout = '15s';
ALTER ROLE coditect_app      SET lock_timeout = '5s';
ALTER ROLE coditect_app      SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE coditect_worker   SET statement_timeout = '60s';
ALTER ROLE coditect_worker   SET lock_timeout = '5s';
ALTER ROLE coditect_worker   SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE coditect_system   SET statement_timeout = '60s';
ALTER ROLE coditect_system   SET lock_timeout = '5s';
ALTER ROLE coditect_system   SET idle_in_transaction_session_timeout = '60s';
-- A migration may run long, but one that waits for a lock blocks everyone queueing behind it: give up and retry.
ALTER ROLE coditect_migrator SET lock_timeout = '5s';

-- The database itself, and the schema everything lives in.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO coditect_migrator', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO coditect_migrator, coditect_app, coditect_worker, coditect_system',
                   current_database());
END
$$;
ALTER SCHEMA public OWNER TO coditect_migrator;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO coditect_app, coditect_worker, coditect_system;
