"""Pictures of every kind of mail, light and dark: `python -m deploy.local.mail_screens docs/screens/mail`.

Needs Chromium (Debian: apt-get install chromium; CHROMIUM may name another one) and no running stack. Drawn are the
real templates with the examples of the catalogue.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import django
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
WIDTH, PANE = 1240, 620
_PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; width: {width}px; font: 14px/1.5 system-ui, sans-serif; background: #fff; color: #1c1f24 }}
header {{ padding: 14px 20px; border-bottom: 1px solid #d5d9de }} header b {{ font-size: 16px }}
main {{ display: flex }} iframe {{ width: {pane}px; height: {height}px; border: 0 }}
</style><header><b>{subject}</b><br>CODITECT &lt;no-reply@coditect.example&gt; to Ada Lovelace</header>
<main><iframe srcdoc="{mail}" style="color-scheme: light"></iframe>
<iframe srcdoc="{mail}" style="color-scheme: dark"></iframe></main>"""
_MEASURE = "<script>onload = () => document.title = document.querySelector('iframe').contentDocument.body.scrollHeight"


def main() -> None:
    """Draw every kind into the folder that is named."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, subject, mail in _mails():
        with tempfile.TemporaryDirectory() as made:
            page = Path(made, "mail.html")
            facts = {"width": WIDTH, "pane": PANE, "subject": html.escape(subject), "mail": html.escape(mail)}
            page.write_text(_PAGE.format(height=100, **facts) + _MEASURE + "</script>")
            height = int(re.findall(r"<title>(\d+)</title>", _chromium("--dump-dom", page.as_uri()))[0])
            page.write_text(_PAGE.format(height=height, **facts))
            size = f"--window-size={WIDTH},{height + 74}"
            _chromium(f"--screenshot={folder.resolve() / name}.png", size, page.as_uri())
        print(folder / f"{name}.png")


def _mails() -> Iterable[tuple[str, str, str]]:
    """Yield name, subject and HTML of every kind, filled with examples."""
    settings.configure(
        USE_I18N=False,
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [ROOT / "emails" / "templates"],
            }
        ],
    )
    django.setup()
    from config.kernel.ids import new_id  # noqa: PLC0415  (Django's settings come first)
    from emails.catalogue import KINDS, VARIABLES, EmailKind  # noqa: PLC0415
    from emails.messages import render  # noqa: PLC0415

    for kind in EmailKind:
        data = {name: VARIABLES[name].example for name in KINDS[kind].variables}
        mail = render(id=new_id(), organization_id=new_id(), kind=kind, recipient="ada@example.com", data=data)
        yield kind, mail.subject, mail.html


def _chromium(*arguments: str) -> str:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Chromium is not installed; CHROMIUM may name it.")
    fixed = ["--headless", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=2000"]
    if os.getuid() == 0:
        fixed.append("--no-sandbox")  # its sandbox refuses to run as root; only our own templates are drawn
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *fixed, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


if __name__ == "__main__":
    main()
