"""Settings of the stack that `./dev run` starts: a local mailbox, tokens shown, no TLS."""

from config.settings.base import *

LOCAL_MAILBOX = True
METRICS_OPEN = True
CREATE_MISSING_KEYS = True
EXPOSE_VERIFICATION_TOKEN = True
FIREBASE_EMULATOR_ALLOWED = True
