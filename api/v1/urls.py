"""Version 1 of the API: one router, a line a resource. Paths have no trailing slash; one that is sent is dropped."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from api.v1.views.auth import AuthSessionViewSet, AuthViewSet, MeViewSet
from api.v1.views.billing import (
    CheckoutViewSet,
    PlanViewSet,
    SubscriptionViewSet,
    WebhookViewSet,
)
from api.v1.views.licenses import LicenseKeyViewSet, LicenseViewSet
from api.v1.views.pages import CheckoutPageViewSet
from api.v1.views.seats import SeatViewSet, SessionViewSet

router = SimpleRouter(trailing_slash=False)
router.register("auth", AuthViewSet, basename="auth")
router.register("plans", PlanViewSet, basename="plan")
router.register("checkout", CheckoutViewSet, basename="checkout")
router.register("checkout", CheckoutPageViewSet, basename="checkout-page")
router.register("subscriptions", SubscriptionViewSet, basename="subscription")
router.register("webhooks", WebhookViewSet, basename="webhook")
router.register("licenses/sessions", SessionViewSet, basename="session")
router.register("licenses", SeatViewSet, basename="seat")
router.register("licenses", LicenseKeyViewSet, basename="license-key")
router.register("licenses", LicenseViewSet, basename="license")

urlpatterns = [
    # The webhook's older address, still configured in places.
    path("subscriptions/webhook", WebhookViewSet.as_view({"post": "stripe"}), name="webhook-alias"),
    path("auth/me", MeViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="me"),
    path("auth/change-password", MeViewSet.as_view({"post": "change_password"}), name="change-password"),
    path("auth/sessions", AuthSessionViewSet.as_view({"get": "list", "delete": "destroy_others"}), name="sign-ins"),
    path("auth/sessions/<str:pk>", AuthSessionViewSet.as_view({"delete": "destroy"}), name="sign-in"),
    *router.urls,
]
