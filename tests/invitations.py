"""Inviting people in tests: the link is read from the mail, as the invited person does."""

from emails.models import MailboxMessage
from tests import journey
from tests.jobs import run_jobs
from tests.journey import Customer


def link_token(recipient: str, kind: str) -> str:
    """Send the waiting mails and return the token of the newest one of this kind."""
    run_jobs()
    mail = MailboxMessage.objects.filter(recipient=recipient, kind=kind).first()
    assert mail is not None
    return mail.text.split("#")[1].split()[0]


def invite(owner: Customer, email: str, role: str = "member") -> str:
    """Invite an address and return the token of the mail."""
    answer = owner.api.post(
        f"/api/v1/organizations/{owner.organization_id}/invitations", {"email": email, "role": role}
    )
    assert answer.status_code == 201, answer.content
    return link_token(email, "invitation")


def join(owner: Customer, role: str = "member") -> Customer:
    """Invite somebody with an account of their own and let them accept."""
    guest = journey.sign_up()
    accepted = guest.api.post("/api/v1/invitations/accept", {"token": invite(owner, guest.email, role)})
    assert accepted.status_code == 200, accepted.content
    return guest
