"""HTTP servers in this process, which stop at once."""

import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

# How long it takes a server to see that it is to stop; by itself the library lets half a second pass.
_POLL_SECONDS = 0.005


@contextmanager
def serving(handler, server_class=ThreadingHTTPServer):
    """Serve a free port of the loopback interface until the block ends."""
    with server_class(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL_SECONDS})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
