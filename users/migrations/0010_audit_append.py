"""How a function of another app appends to the audit log, in the same round trip as what it records."""

from django.db import migrations

from config.kernel.walls import invoker_function


class Migration(migrations.Migration):
    dependencies = [("users", "0009_firebase_walls")]

    operations = [
        # With its caller's rights: the walls decide what may be appended, as for the statement in users/services/audit.
        invoker_function(
            signature="audit_append(entry uuid, organization uuid, action text, actor uuid, object_type text, "
            "object_id uuid, data jsonb, request text)",
            returns="void",
            body="""
                BEGIN
                    INSERT INTO users_auditentry (id, organization_id, action, actor_id, object_type, object_id, data,
                                                  request_id, occurred_at)
                    VALUES (entry, organization, action, actor, object_type, object_id, data, request,
                            clock_timestamp());
                END
            """,
        ),
    ]
