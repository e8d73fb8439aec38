"""A mail relay (aiosmtpd: STARTTLS, AUTH) and a webhook (HTTPS, standardwebhooks), for the stories of alerts.

receiver.py FOLDER: certificates and the webhook's secret lie there. Writes two ports, then what arrives, each as a line of
JSON, to standard output. While FOLDER/refuse is there, everything is refused."""

import asyncio
import email
import email.policy
import http.server
import json
import os
import ssl
import sys
import threading
from datetime import datetime, timezone

from aiosmtpd.smtp import SMTP, AuthResult
from standardwebhooks.webhooks import Webhook

folder = sys.argv[1]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(f"{folder}/viewers.pem", f"{folder}/viewers.key")
lock = threading.Lock()


def tell(what):
    with lock:
        print(json.dumps(what), flush=True)


def refuses():
    return os.path.exists(f"{folder}/refuse")


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        if refuses():
            tell({"refused": "mail"})
            return "451 4.3.0 not now"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        headers = {name: str(mail[name]) for name in ("From", "To", "Subject", "Message-ID", "Date", "Auto-Submitted")}
        tell({"mail": envelope.rcpt_tos, "by": session.auth_data.login.decode(), "headers": headers, "text": mail.get_content()})
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"lucarne" and data.password == b"relay-secret", auth_data=data)


def relay():
    return SMTP(Mailbox(), tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate)


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        told, at = self.headers["webhook-id"], int(self.headers["webhook-timestamp"])
        # Their own check of the time looks at this machine's clock: stories have another.
        signed = Webhook(open(f"{folder}/webhook.secret").read().strip()).sign(told, datetime.fromtimestamp(at, timezone.utc), body)
        status = 503 if refuses() else 204
        if status == 503:
            tell({"refused": "hook"})
        else:
            genuine = signed == self.headers["webhook-signature"]
            tell({"hook": self.path, "id": told, "at": at, "genuine": genuine, "body": json.loads(body)})
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


loop = asyncio.new_event_loop()
server = loop.run_until_complete(loop.create_server(relay, "127.0.0.1", 0))
threading.Thread(target=loop.run_forever, daemon=True).start()
hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
hook.socket = context.wrap_socket(hook.socket, server_side=True)
tell({"relay": server.sockets[0].getsockname()[1], "hook_port": hook.server_address[1]})
hook.serve_forever()
