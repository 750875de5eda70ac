"""Inviting people by mail, and accepting."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from config.kernel import clock
from config.kernel.digests import keyed_hash
from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from emails.services import outbox
from organizations.errors import (
    AlreadyMember,
    InvitationExpired,
    InvitationForSomebodyElse,
    InvitationNotFound,
    PermissionDenied,
)
from organizations.models import Invitation, Membership, QuotaName
from organizations.roles import may_grant
from organizations.selectors import get_organization, get_quota
from organizations.services import members, quotas
from users.models import User
from users.models.user import normalize_email
from users.services import accounts, audit

LIFETIME = timedelta(days=7)
_PURPOSE = "invitation"


def invite(*, organization_id: UUID, inviter: User, email: str, role: str) -> Invitation:
    """Invite an address; an open invitation of the same address is replaced, and its link with it.

    Raises PermissionDenied for a role above the inviter's, AlreadyMember, QuotaExceeded when all who are invited could
    not join.
    """
    email = normalize_email(email)
    token = secrets.token_urlsafe(32)
    with organization_context(organization_id):
        organization = get_organization(organization_id=organization_id, lock=True)
        if not may_grant(role=members.role_of(user_id=inviter.id), granted=role):
            raise PermissionDenied().within(organization_id)
        if Membership.objects.filter(user__email=email).exists():
            raise AlreadyMember
        Invitation.objects.filter(email=email, accepted_at=None, revoked_at=None).update(revoked_at=Now())
        _leave_room()
        invitation = Invitation.objects.create(
            organization_id=organization_id,
            email=email,
            role=role,
            token_hash=keyed_hash(_PURPOSE, token),
            invited_by_id=inviter.id,
            expires_at=clock.now() + LIFETIME,
        )
        outbox.queue(
            organization_id=organization_id,
            kind=EmailKind.INVITATION,
            recipient=email,
            dedup_key=f"invitation:{invitation.id}",
            data={
                "inviter": inviter.full_name,
                "organization_name": organization.name,
                "role": str(role),
                # In the fragment, which no browser sends to any server, nor any log keeps.
                "link": f"{settings.PUBLIC_URL}/invitation#{token}",
            },
        )
        _audit("INVITATION_SENT", invitation, inviter.id)
    return invitation


def revoke(*, organization_id: UUID, actor_id: UUID, invitation_id: UUID) -> None:
    """Withdraw an open invitation; raises InvitationNotFound."""
    with organization_context(organization_id):
        invitation = (
            Invitation.objects.select_for_update(no_key=True)
            .filter(id=invitation_id, accepted_at=None, revoked_at=None)
            .first()
        )
        if invitation is None:
            raise InvitationNotFound
        invitation.revoked_at = clock.now()
        invitation.save(update_fields=["revoked_at"])
        _audit("INVITATION_REVOKED", invitation, actor_id)


@dataclass(frozen=True)
class Joined:
    """Who now belongs where."""

    organization_id: UUID
    user_id: UUID


def accept(*, token: str, user: User) -> Joined:
    """Make a signed-in user the member they were invited to be.

    Raises InvitationNotFound, InvitationExpired, InvitationForSomebodyElse, AlreadyMember, QuotaExceeded.
    """
    organization_id = _organization_of(token)
    with organization_context(organization_id):
        invitation = _take(token)
        if invitation.email != user.email:
            raise InvitationForSomebodyElse
        return _join(invitation, user)


def accept_as_new_user(*, token: str, full_name: str, password: str) -> Joined:
    """Create the invited person's account and make it a member; the mail they came by has verified the address.

    Raises InvitationNotFound, InvitationExpired, EmailTaken (sign in and accept instead), WeakPassword,
    QuotaExceeded.
    """
    organization_id = _organization_of(token)
    with organization_context(organization_id):
        invitation = _take(token)
        user = accounts.create_user(email=invitation.email, password=password, full_name=full_name)
        accounts.mark_verified(user=user, default_organization_id=organization_id)
        return _join(invitation, user)


def _leave_room() -> None:
    """Refuse one more invitation than members may join; whether one does join is decided when it is accepted."""
    quota = get_quota(name=QuotaName.MEMBERS)
    waiting = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=Now()).count()
    if quota.allowed is not None and quota.used + waiting >= quota.allowed:
        raise quotas.exceeded(quota)


def _organization_of(token: str) -> UUID:
    """Return whose invitation this is, known before any context can be set; raises InvitationNotFound."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT invitation_organization(%s)", [keyed_hash(_PURPOSE, token)])
        organization_id: UUID | None = cursor.fetchone()[0]
    if organization_id is None:
        raise InvitationNotFound
    return organization_id


def _take(token: str) -> Invitation:
    """Return the open invitation of a token, locked: of any number of callers at once one finds it open."""
    invitation = (
        Invitation.objects.select_for_update(no_key=True)
        .filter(token_hash=keyed_hash(_PURPOSE, token), accepted_at=None, revoked_at=None)
        .first()
    )
    if invitation is None:
        raise InvitationNotFound
    if invitation.expires_at <= clock.now():
        raise InvitationExpired
    return invitation


def _join(invitation: Invitation, user: User) -> Joined:
    members.add(organization_id=invitation.organization_id, user=user, role=invitation.role, actor_id=user.id)
    invitation.accepted_at = clock.now()
    invitation.save(update_fields=["accepted_at"])
    _audit("INVITATION_ACCEPTED", invitation, user.id)
    return Joined(invitation.organization_id, user.id)


def _audit(action: str, invitation: Invitation, actor_id: UUID) -> None:
    audit.record(
        action=action,
        organization_id=invitation.organization_id,
        actor_id=actor_id,
        object_type="invitation",
        object_id=invitation.id,
        role=invitation.role,
    )
