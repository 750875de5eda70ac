"""Taking and giving back a seat in one round trip each, and beats that wait for nobody else's licence."""

from importlib import import_module

from django.db import migrations

from config.kernel.walls import definer_function, invoker_function, replaced

seat_beat_before = import_module("licenses.migrations.0003_seat_beat").Migration.operations[0]

# As the caller, inside the walls: the organization is set for this transaction only, as `organization_context` does.
# The licence is locked in a statement of its own; each later statement sees what was committed before it began, so
# what is counted can change no more.
# `by_id_alone`: the machine shows no hardware signals, so that only an activation makes it known that its id alone
# matches by the licence's policy; another has to be looked at (`not_activated`, for which nothing was written).
# `lapsed_entry`: the machine's own lapsed session, closed here because it would be in the way, is told like all others.
# A lease that is found live may run out and be closed by the history's job, which takes no lock on the licence, before
# it is handed back: then everything is looked at again. The licence is still locked, so that once is enough.
ACQUIRE = """
    #variable_conflict use_variable
    DECLARE
        l record;
        own uuid;
        lapsed uuid;
        moment timestamptz;
        live bigint;
        first_to_lapse timestamptz;
        usable boolean;
    BEGIN
        PERFORM set_config('app.organization_id', organization::text, true);
        -- The limit is that of `licenses.rules.seat_limit`.
        SELECT a.max_seats + a.overage_seats + a.max_seats * a.overage_percent / 100 AS seat_limit,
            a.status, a.expires_at, a.grace_period_ends_at, a.match_policy INTO l FROM licenses_license a
            WHERE a.organization_id = organization AND a.id = license FOR NO KEY UPDATE;
        IF NOT FOUND THEN RETURN; END IF;
        moment := clock_timestamp();
        SELECT count(*), min(s.expires_at), (array_agg(s.id) FILTER (WHERE s.hardware_hash = machine))[1]
            INTO live, first_to_lapse, own
            FROM licenses_licensesession s
            WHERE s.organization_id = organization AND s.license_id = license
                AND s.ended_at IS NULL AND s.expires_at > moment;
        verdict := 'granted'; seen_at := moment; seats_used := live; is_new := own IS NULL;
        seat_limit := l.seat_limit;
        license_status := l.status; license_expires_at := l.expires_at; grace_period_ends_at := l.grace_period_ends_at;
        usable := l.status = 'active' AND (l.expires_at IS NULL OR l.expires_at > moment)
            OR l.status = 'suspended' AND l.grace_period_ends_at > moment;
        IF is_new AND live >= seat_limit THEN
            verdict := 'full'; lease_expires_at := first_to_lapse;
        ELSIF usable IS NOT TRUE THEN
            verdict := 'unusable';
        ELSIF NOT is_new THEN
            UPDATE licenses_licensesession s
                SET lease_no = s.lease_no + 1, last_heartbeat_at = moment,
                    expires_at = greatest(s.expires_at, moment + lease_seconds * interval '1 second')
                WHERE s.organization_id = organization AND s.id = own AND s.ended_at IS NULL
                RETURNING s.id, s.lease_no, s.sequence, s.expires_at
                INTO session_id, lease_no, sequence, lease_expires_at;
            IF NOT FOUND THEN
                RETURN QUERY SELECT again.* FROM seat_acquire(organization, license, machine, by_id_alone, asking_user,
                    lease_seconds, new_session, lapsed_entry, entry, request) again;
                RETURN;
            END IF;
        ELSIF NOT EXISTS (SELECT FROM licenses_activation a WHERE a.organization_id = organization
                          AND a.license_id = license AND a.hardware_hash = machine
                          AND (NOT by_id_alone OR a.signals = '{}' OR l.match_policy = 'any'
                               AND a.signals ->> 'hardware_id' = encode(machine, 'hex'))) THEN
            verdict := 'not_activated';
        ELSE
            -- The machine's own lapsed session is closed, so that it is not in the way of one_open_session_a_machine.
            UPDATE licenses_licensesession s SET ended_at = s.expires_at, end_reason = 'expired'
                WHERE s.organization_id = organization AND s.license_id = license AND s.hardware_hash = machine AND s.ended_at IS NULL
                RETURNING s.id INTO lapsed;
            IF FOUND THEN
                PERFORM audit_append(lapsed_entry, organization, 'LICENSE_EXPIRED', NULL, 'license_session', lapsed,
                    '{}', request);
            END IF;
            session_id := new_session; lease_no := 1; sequence := 1; seats_used := live + 1;
            lease_expires_at := moment + lease_seconds * interval '1 second';
            INSERT INTO licenses_licensesession (id, organization_id, license_id, user_id, hardware_hash, lease_no,
                    sequence, acquired_at, last_heartbeat_at, expires_at, end_reason)
                VALUES (session_id, organization, license, asking_user, machine, 1, 1, moment, moment,
                    lease_expires_at, '');
            PERFORM audit_append(entry, organization, 'LICENSE_ACQUIRED', asking_user, 'license_session', session_id,
                '{}', request);
        END IF;
        RETURN NEXT;
    END
"""

# The licence is locked as in an acquire, or one that is looking at the lease now could hand back what has just ended.
# A lease that had run out is told as that, and not as released: by nobody, for no reason of theirs.
RELEASE = """
    #variable_conflict use_variable
    DECLARE
        told text;
    BEGIN
        PERFORM set_config('app.organization_id', organization::text, true);
        PERFORM FROM licenses_license l JOIN licenses_licensesession s ON s.license_id = l.id
            WHERE s.organization_id = organization AND s.id = session FOR NO KEY UPDATE OF l;
        UPDATE licenses_licensesession s
            SET end_reason = CASE WHEN s.expires_at > clock_timestamp() THEN reason ELSE 'expired' END,
                ended_at = least(clock_timestamp(), s.expires_at)
            WHERE s.organization_id = organization AND s.id = session AND s.ended_at IS NULL
                AND (only_lease IS NULL OR s.lease_no = only_lease)
            RETURNING s.license_id, s.lease_no, s.hardware_hash, s.expires_at, s.end_reason
            INTO license_id, lease_no, hardware_hash, lease_expires_at, told;
        IF NOT FOUND THEN RETURN; END IF;
        IF told = 'expired' THEN
            PERFORM audit_append(entry, organization, 'LICENSE_EXPIRED', NULL, 'license_session', session, '{}',
                request);
        ELSE
            PERFORM audit_append(entry, organization, 'LICENSE_RELEASED', acting_user, 'license_session', session,
                jsonb_build_object('reason', reason), request);
        END IF;
        RETURN NEXT;
    END
"""

# As before (0003), and `wait`: false leaves out what somebody else has locked at this moment, and says so (`busy`).
# A batch must not keep fifty machines waiting for one licence, nor can what never waits take part in a deadlock.
BEAT = """
    #variable_conflict use_column
    DECLARE
        moment timestamptz;
        held uuid[];
    BEGIN
        IF wait THEN
            held := ARRAY(SELECT l.id FROM licenses_license l WHERE l.id = ANY (licenses) ORDER BY l.id FOR SHARE);
        ELSE
            held := ARRAY(SELECT l.id FROM licenses_license l WHERE l.id = ANY (licenses) ORDER BY l.id
                FOR SHARE SKIP LOCKED);
        END IF;
        moment := clock_timestamp();
        RETURN QUERY
        WITH asked AS (
            SELECT * FROM unnest(sessions, licenses, organizations, sequences)
                AS a (session_id, license_id, organization_id, sequence)
        ), renewing AS (
            UPDATE licenses_licensesession s
            SET expires_at = greatest(s.expires_at, moment + lease_seconds * interval '1 second'),
                last_heartbeat_at = moment,
                sequence = s.sequence + CASE WHEN a.sequence = s.sequence THEN 1 ELSE 0 END
            FROM asked a, licenses_license l
            WHERE s.id = a.session_id AND s.license_id = a.license_id
              AND s.organization_id = a.organization_id AND l.id = s.license_id AND l.id = ANY (held)
              AND s.ended_at IS NULL AND s.expires_at > moment
              AND (a.sequence IS NULL OR s.sequence - a.sequence IN (0, 1))
              AND (l.status = 'active' AND (l.expires_at IS NULL OR l.expires_at > moment)
                   OR l.status = 'suspended' AND l.grace_period_ends_at > moment)
            RETURNING s.id, s.lease_no, s.sequence, s.expires_at
        )
        SELECT s.id, r.id IS NOT NULL, l.id <> ALL (held), moment, s.lease_no, coalesce(r.sequence, s.sequence),
            s.hardware_hash, coalesce(r.expires_at, s.expires_at), s.ended_at IS NOT NULL, l.status,
            l.expires_at, l.grace_period_ends_at
        FROM asked a
        JOIN licenses_licensesession s ON s.id = a.session_id AND s.license_id = a.license_id
            AND s.organization_id = a.organization_id
        JOIN licenses_license l ON l.id = s.license_id
        LEFT JOIN renewing r ON r.id = s.id;
    END
"""


class Migration(migrations.Migration):
    dependencies = [("licenses", "0011_lean_sessions"), ("users", "0010_audit_append")]

    operations = [
        invoker_function(
            signature="seat_acquire(organization uuid, license uuid, machine bytea, by_id_alone boolean, "
            "asking_user uuid, lease_seconds integer, new_session uuid, lapsed_entry uuid, entry uuid, request text)",
            returns="""TABLE (verdict text, seen_at timestamptz, seats_used bigint, seat_limit integer, is_new boolean,
                session_id uuid, lease_no bigint, sequence bigint, lease_expires_at timestamptz,
                license_status varchar, license_expires_at timestamptz, grace_period_ends_at timestamptz)""",
            body=ACQUIRE,
        ),
        invoker_function(
            signature="seat_release(organization uuid, session uuid, only_lease bigint, reason text, "
            "acting_user uuid, entry uuid, request text)",
            returns="TABLE (license_id uuid, lease_no bigint, hardware_hash bytea, lease_expires_at timestamptz)",
            body=RELEASE,
        ),
        *replaced(
            seat_beat_before,
            by=definer_function(
                signature="seat_beat(sessions uuid[], licenses uuid[], organizations uuid[], sequences bigint[], "
                "lease_seconds integer, wait boolean)",
                returns="""TABLE (session_id uuid, renewed boolean, busy boolean, beat_at timestamptz, lease_no bigint,
                    sequence bigint, hardware_hash bytea, expires_at timestamptz, ended boolean, license_status varchar,
                    license_expires_at timestamptz, grace_period_ends_at timestamptz)""",
                language="plpgsql",
                body=BEAT,
            ),
        ),
    ]
