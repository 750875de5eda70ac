"""How an old version of a data key goes: set aside when nothing carries it, dropped a day later, and not sooner."""

from django.db import migrations

from config.kernel.walls import WORKER, definer_function


class Migration(migrations.Migration):
    dependencies = [("organizations", "0008_data_key_retirement")]

    operations = [
        # The worker may neither write keys nor delete them; a version that is in use, or the newest, stays for sure.
        definer_function(
            signature="retire_data_key(asked_organization uuid, asked_version integer, carried boolean)",
            returns="void",
            language="plpgsql",
            body="""
                BEGIN
                    IF carried THEN
                        UPDATE organizations_datakey SET retired_at = NULL
                        WHERE organization_id = asked_organization AND version = asked_version;
                        RETURN;
                    END IF;
                    DELETE FROM organizations_datakey k
                    WHERE k.organization_id = asked_organization AND k.version = asked_version
                      AND k.retired_at < clock_timestamp() - interval '1 day'
                      AND k.version < (SELECT max(n.version) FROM organizations_datakey n
                                       WHERE n.organization_id = asked_organization);
                    UPDATE organizations_datakey SET retired_at = clock_timestamp()
                    WHERE organization_id = asked_organization AND version = asked_version AND retired_at IS NULL;
                END
            """,
            to=WORKER,
        ),
    ]
