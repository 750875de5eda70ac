"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_wsgi_application()

from api.http.requests import Utf8WsgiRequest
from config.kernel import keyring
from config.kernel.checks import refuse_strong_role

application.request_class = Utf8WsgiRequest
refuse_strong_role()
keyring.refuse_missing()
