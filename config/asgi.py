"""The ASGI application, for servers that speak ASGI (docs/adr/0001-server.md says why WSGI is the default)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_asgi_application()

from config.kernel.checks import refuse_strong_role  # noqa: E402  (Django must be set up first)

refuse_strong_role()
