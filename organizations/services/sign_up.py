"""Signing up: a person, their company and its key come to be together, or not at all."""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from config.kernel.ids import new_id
from config.kernel.tenancy import organization_context
from emails.catalogue import EmailKind
from emails.services import outbox
from organizations.models import Organization
from organizations.selectors import list_belongings
from organizations.services import account_mail, founding
from users.models import User
from users.services import accounts


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
        user = accounts.create_user(
            email=email, password=password, full_name=full_name, default_organization_id=organization_id
        )
        organization = founding.found(organization_id=organization_id, owner=user, name=company_name)
        token = account_mail.queue_verification(user=user, first=True)
    return SignUp(user, organization, token)


def verify_email(*, token: str) -> User:
    """Verify an address, and welcome its owner the first time; raises TokenInvalid, TokenExpired."""
    with transaction.atomic():
        user, newly = accounts.verify_email(token=token)
        if newly:
            welcome(user=user)
    return user


def welcome(*, user: User) -> None:
    """Queue the mail that welcomes a user whose address has just been verified; once, however often it is asked for."""
    for belonging in list_belongings(user_id=user.id)[:1]:
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
