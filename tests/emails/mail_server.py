"""A mail server of the test's own: takes mails, refuses them or is not there, on a free port of this machine."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a client needs to hand over a mail; `answers` says what it says to which command."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.answers = answers
        self.mails: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens, as SMTP_URL."""
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        for raw in self.rfile:
            command = raw.decode().split()[0].upper()
            self._say(self.server.answers.get(command, {"DATA": "354 go on", "QUIT": "221 bye"}.get(command, "250 ok")))
            if command == "QUIT":
                return
            if command == "DATA" and "DATA" not in self.server.answers:
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())
                taken = self.server.answers.get("TAKEN", "250 taken")
                if not taken:
                    return
                self._say(taken)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(**answers: str) -> Iterator[MailServer]:
    """Run a mail server for the time of the block; say `RCPT="550 nobody"` for one that refuses, `TAKEN=""` for one
    that goes away in silence once it has a mail.
    """
    with MailServer(answers) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
