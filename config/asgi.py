"""The ASGI application, for servers that speak ASGI (docs/adr/0001-server.md says why WSGI is the default)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_asgi_application()

from api.http.requests import Utf8AsgiRequest  # noqa: E402
from config.kernel.checks import refuse_strong_role  # noqa: E402  (Django must be set up first)

application.request_class = Utf8AsgiRequest
refuse_strong_role()
