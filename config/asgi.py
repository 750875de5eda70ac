"""The ASGI application, for servers that speak ASGI (docs/adr/0001-server.md says why WSGI is the default)."""

import os
from concurrent.futures import ThreadPoolExecutor

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_asgi_application()

from config.kernel import keyring
from config.kernel.checks import refuse_strong_role

# In a thread: some servers import this inside their event loop, where Django refuses to ask the database.
with ThreadPoolExecutor(max_workers=1) as _thread:
    _thread.submit(refuse_strong_role).result()
keyring.refuse_missing()
