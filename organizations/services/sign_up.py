"""Signing up: a person, their company and its key come to be together, or not at all."""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from config.kernel import tasks
from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from emails.services import outbox
from organizations.models import Membership, Organization, Role
from organizations.selectors import list_belongings
from organizations.services import account_mail, data_keys
from organizations.services.slugs import slug_for
from users.models import User
from users.services import accounts, audit


@dataclass(frozen=True)
class SignUp:
    """What signing up made; `verification_token` is what the mail carries."""

    user: User
    organization: Organization
    verification_token: str


def register(*, email: str, password: str, full_name: str, company_name: str) -> SignUp:
    """Create a user, their organization with them as owner and its data key, and queue the verification mail.

    The Stripe customer is made by a job. Raises EmailTaken, WeakPassword.
    """
    organization_id = new_id()
    with organization_context(organization_id):
        user = accounts.create_user(email=email, password=password, full_name=full_name)
        organization = Organization.objects.create(
            id=organization_id, name=company_name.strip(), slug=slug_for(company_name, organization_id)
        )
        Membership.objects.create(organization=organization, user=user, role=Role.OWNER)
        user.default_organization_id = organization.id
        user.save(update_fields=["default_organization_id"])
        data_keys.create(organization=organization)
        token = account_mail.queue_verification(user=user)
        tasks.enqueue("subscriptions.create_customer", organization_id=organization.id)
        audit.record(
            action="ORGANIZATION_CREATED",
            organization_id=organization.id,
            actor_id=user.id,
            object_type="organization",
            object_id=organization.id,
        )
    return SignUp(user, organization, token)


def verify_email(*, token: str) -> User:
    """Verify an address, and welcome its owner the first time; raises TokenInvalid, TokenExpired."""
    with transaction.atomic():
        user, newly = accounts.verify_email(token=token)
        for belonging in list_belongings(user_id=user.id)[:1] if newly else []:
            with organization_context(belonging.organization_id):
                outbox.queue(
                    organization_id=belonging.organization_id,
                    kind=EmailKind.WELCOME,
                    recipient=user.email,
                    dedup_key=f"welcome:{user.id}",
                    data={
                        "full_name": user.full_name,
                        "organization_name": belonging.name,
                        "link": f"{settings.PUBLIC_URL}/api/v1/plans",
                    },
                )
    return user
