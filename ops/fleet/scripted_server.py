"""An HTTP server for tests that answers by a script: `server.script` and what it has `seen`, under its `lock`."""

import http.server
import threading


class ScriptedHandler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(test, handler, script, port=0):
    """Serves until the test is over."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.script, server.seen, server.lock = list(script), [], threading.Lock()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    return server
