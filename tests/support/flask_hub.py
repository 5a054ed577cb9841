"""Flask-WebSub's hub as a process: `python tests/support/flask_hub.py DATABASE` prints the port of 127.0.0.1 it serves on."""

from __future__ import annotations

import sys

from celery import Celery
from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage
from werkzeug.serving import make_server


def main() -> None:
    """Serve until the process is killed; the hub's tasks run in the thread of the request."""
    app = Flask("hub")
    app.config["PUBLISH_SUPPORTED"] = True
    hub = Hub(SQLite3HubStorage(sys.argv[1]), Celery(task_always_eager=True), SIGNATURE_ALGORITHM="sha256")
    app.register_blueprint(hub.build_blueprint("/hub"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
