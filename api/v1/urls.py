"""Version 1 of the API: two routers, a line a resource. Paths have no trailing slash; one that is sent is dropped."""

from typing import Any

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from api.v1.views.account import AuthSessionViewSet, MeViewSet
from api.v1.views.audit import AuditViewSet
from api.v1.views.auth import AuthViewSet
from api.v1.views.billing import (
    CheckoutViewSet,
    PlanViewSet,
    WebhookViewSet,
)
from api.v1.views.borrowing import BorrowViewSet
from api.v1.views.email_change import ConfirmEmailViewSet, EmailChangeViewSet
from api.v1.views.firebase import FirebaseViewSet
from api.v1.views.invitations import AcceptInvitationViewSet, InvitationViewSet
from api.v1.views.license_management import ActivationViewSet, LicenseManagementViewSet
from api.v1.views.licenses import LicenseKeyViewSet, LicenseViewSet
from api.v1.views.mail import MailWebhookViewSet
from api.v1.views.mfa import MfaViewSet, StepUpViewSet
from api.v1.views.organizations import MemberViewSet, OrganizationViewSet
from api.v1.views.pages import CheckoutPageViewSet
from api.v1.views.seats import SeatViewSet, SessionViewSet
from api.v1.views.subscriptions import BillingViewSet, InvoiceViewSet, SubscriptionViewSet
from api.v1.views.teams import TeamMemberViewSet, TeamViewSet
from api.v1.views.usage import LicenseSessionsViewSet, UsageViewSet

# Patterns are tried one after the other: what every machine asks every few minutes comes first.
machines = SimpleRouter(trailing_slash=False)
machines.register("licenses/sessions", SessionViewSet, basename="session")
machines.register("licenses", SeatViewSet, basename="seat")
machines.register("licenses", LicenseKeyViewSet, basename="license-key")

router = SimpleRouter(trailing_slash=False)
router.register("auth", AuthViewSet, basename="auth")
router.register("plans", PlanViewSet, basename="plan")
router.register("checkout", CheckoutViewSet, basename="checkout")
router.register("checkout", CheckoutPageViewSet, basename="checkout-page")
router.register("subscriptions", SubscriptionViewSet, basename="subscription")
router.register("invoices", InvoiceViewSet, basename="invoice")
router.register("billing", BillingViewSet, basename="billing")
router.register("webhooks", WebhookViewSet, basename="webhook")
router.register("webhooks", MailWebhookViewSet, basename="mail-webhook")
router.register("audit", AuditViewSet, basename="audit")
router.register("licenses", LicenseSessionsViewSet, basename="license-sessions")
router.register("licenses", UsageViewSet, basename="license-usage")
router.register("licenses", LicenseManagementViewSet, basename="license-management")
router.register("licenses", BorrowViewSet, basename="borrow")
router.register("licenses", LicenseViewSet, basename="license")

Methods = dict[str, Any]
LIST_AND_CREATE: Methods = {"get": "list", "post": "create"}
ONE: Methods = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
CHANGE: Methods = {"patch": "partial_update", "delete": "destroy"}
DELETE: Methods = {"delete": "destroy"}

ORGANIZATION_ROUTES = [
    path("usage", OrganizationViewSet.as_view({"get": "usage"}), name="usage"),
    path("transfer-ownership", OrganizationViewSet.as_view({"post": "transfer_ownership"}), name="transfer"),
    path("members", MemberViewSet.as_view({"get": "list"}), name="members"),
    path("members/<str:user_id>", MemberViewSet.as_view(CHANGE), name="member"),
    path("invitations", InvitationViewSet.as_view(LIST_AND_CREATE), name="invitations"),
    path("invitations/<str:invitation_id>", InvitationViewSet.as_view(DELETE), name="invitation"),
    path("teams", TeamViewSet.as_view(LIST_AND_CREATE), name="teams"),
    path("teams/<str:team_id>", TeamViewSet.as_view(CHANGE), name="team"),
    path("teams/<str:team_id>/members", TeamMemberViewSet.as_view(LIST_AND_CREATE), name="team-members"),
    path("teams/<str:team_id>/members/<str:user_id>", TeamMemberViewSet.as_view(DELETE), name="team-member"),
]

urlpatterns = [
    *machines.urls,
    # The webhook's older address, still configured in places.
    path("subscriptions/webhook", WebhookViewSet.as_view({"post": "stripe"}), name="webhook-alias"),
    path("auth/firebase", FirebaseViewSet.as_view({"post": "create"}), name="firebase"),
    path("auth/me", MeViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="me"),
    path("auth/change-password", MeViewSet.as_view({"post": "change_password"}), name="change-password"),
    path("auth/change-email", EmailChangeViewSet.as_view({"post": "create"}), name="change-email"),
    path("auth/change-email/confirm", ConfirmEmailViewSet.as_view({"post": "create"}), name="confirm-email"),
    path("auth/mfa", MfaViewSet.as_view({"get": "retrieve"}), name="mfa"),
    path("auth/mfa/totp", MfaViewSet.as_view({"post": "create", "delete": "destroy"}), name="mfa-totp"),
    path("auth/mfa/totp/confirm", MfaViewSet.as_view({"post": "confirm"}), name="mfa-totp-confirm"),
    path("auth/mfa/recovery-codes", MfaViewSet.as_view({"post": "renew_recovery_codes"}), name="recovery-codes"),
    path("auth/step-up", StepUpViewSet.as_view({"post": "create"}), name="step-up"),
    path("auth/sessions", AuthSessionViewSet.as_view({"get": "list", "delete": "destroy_others"}), name="sign-ins"),
    path("auth/sessions/<str:pk>", AuthSessionViewSet.as_view({"delete": "destroy"}), name="sign-in"),
    path("licenses/<str:license_id>/activations", ActivationViewSet.as_view({"get": "list"}), name="activations"),
    path(
        "licenses/<str:license_id>/activations/<str:activation_id>",
        ActivationViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="activation",
    ),
    *router.urls,
    path("organizations", OrganizationViewSet.as_view(LIST_AND_CREATE), name="organizations"),
    path("organizations/<str:organization>/", include(ORGANIZATION_ROUTES)),
    path("organizations/<str:organization>", OrganizationViewSet.as_view(ONE), name="organization"),
    path("invitations/accept", AcceptInvitationViewSet.as_view({"post": "create"}), name="accept-invitation"),
]
