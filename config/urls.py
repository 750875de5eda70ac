"""Every address of the service; version 1 of the API is in `api.v1.urls`."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView

from api.http import health, metrics
from api.http.schema_view import SchemaView
from api.pages import views as pages
from api.pages.staff_sign_in import StaffSignInForm

admin.site.site_header = "CODITECT staff"
admin.site.site_title = "CODITECT"
admin.site.login_form = StaffSignInForm
admin.site.login_template = "api/staff_sign_in.html"
# Packages register tables of their own, which the web's role may not read.
for _model in [model for model in admin.site._registry if model._meta.app_label not in {"users", "subscriptions"}]:
    admin.site.unregister(_model)

urlpatterns = [
    path("", pages.front),
    path("api/v1/", include("api.v1.urls")),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/redoc", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.show),
    path(".well-known/jwks.json", pages.jwks),
    path("local/mailbox", pages.local_mailbox),
    path("reset-password", pages.mailed_link, {"page": "reset_password"}),
    path("change-email", pages.mailed_link, {"page": "change_email"}),
    path("invitation", pages.mailed_link, {"page": "invitation"}),
    # Django's own would end no session and leave no trace.
    path("django-admin/password_change/", pages.nowhere),
    path("django-admin/", admin.site.urls),
]

handler400 = "api.http.errors.bad_request"
handler403 = "api.http.errors.permission_denied"
handler404 = "api.http.errors.not_found"
handler500 = "api.http.errors.server_error"
