"""An archive on this machine that serves files, and misbehaves when told to."""

import functools
import hashlib
import io
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from astropy.io import fits

from pipeline.surveys.fetch.pace import Patience
from pipeline.surveys.fetch.run import Limits

MODIFIED = "Sat, 01 Aug 2020 00:00:00 GMT"


class Archive:
    """Serves `files` by path; `script` holds, by path, what the next answers do instead.

    Attributes
    ----------
    files : dict
        Path -> bytes.
    script : dict
        Path -> list of functions of (handler, body), taken from the front, one a request.
    requests : list of (path, headers)
    times : list of float
        Of the requests, seconds.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.script: dict[str, list] = {}
        self.requests: list[tuple[str, dict]] = []
        self.times: list[float] = []
        self.busy = self.most_at_once = 0
        self._lock = threading.Lock()
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                archive.answer(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # clients that are stopped on purpose
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.base = f"http://127.0.0.1:{self._server.server_port}/sas/dr16"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, file: str, body: bytes, *script) -> str:
        """Put a file below the root, with what its first answers do; return its URL."""
        self.files["/sas/dr16/" + file] = body
        self.script["/sas/dr16/" + file] = list(script)
        return f"{self.base}/{file}"

    def asked(self, file: str) -> list[dict]:
        """Return the headers of each request for a file."""
        return [headers for path, headers in self.requests if path == "/sas/dr16/" + file]

    def answer(self, handler):
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers)))
            self.times.append(time.monotonic())
            self.busy += 1
            self.most_at_once = max(self.most_at_once, self.busy)
            script = self.script.get(handler.path)
            act = script.pop(0) if script else honest
        try:
            body = self.files.get(handler.path)
            if body is None:
                send(handler, 404, b"no such file", {})
            else:
                act(handler, body)
        finally:
            with self._lock:
                self.busy -= 1


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def send(handler, status: int, body: bytes, headers: dict, length: int | None = None):
    """Answer; `length` is what is said in place of the true one."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def hang_up(handler):
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def honest(handler, body):
    """Serve the file, or the rest of it when that is of the same version."""
    headers = {"ETag": etag(body), "Last-Modified": MODIFIED, "Accept-Ranges": "bytes"}
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if found and handler.headers.get("If-Range") in (etag(body), MODIFIED):
        start = int(found[1])
        if start >= len(body):
            send(handler, 416, b"", {"Content-Range": f"bytes */{len(body)}"})
            return
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        send(handler, 206, body[start:], headers)
    else:
        send(handler, 200, body, headers)


def drop(after: int):
    """Serve as `honest`, and hang up after so many bytes of this answer."""

    def act(handler, body):
        headers = {"ETag": etag(body), "Last-Modified": MODIFIED}
        found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(found[1]) if found else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        send(handler, 206 if start else 200, body[start : start + after], headers, len(body) - start)
        hang_up(handler)

    return act


def claim(difference: int):
    """Serve the whole file and say that it is longer or shorter by so many bytes."""

    def act(handler, body):
        length = len(body) + difference
        send(handler, 200, body[:length], {"ETag": etag(body)}, length)
        if difference > 0:
            hang_up(handler)

    return act


def status(code: int, **headers):
    """Answer with a status."""
    return lambda handler, body: send(handler, code, b"", {k.replace("_", "-"): v for k, v in headers.items()})


def whole_always(handler, body):
    """Ignore ranges."""
    send(handler, 200, body, {"ETag": etag(body), "Last-Modified": MODIFIED})


def html_page(handler, body):
    """Say that all is well, and send a page for people."""
    send(handler, 200, b"<!DOCTYPE html><html>Service under maintenance</html>", {"Content-Type": "text/html"})


@pytest.fixture
def archive():
    """Return a running `Archive`."""
    one = Archive()
    yield one
    one.close()


@pytest.fixture
def acts():
    """Return the misbehaviours by name."""
    return {
        "honest": honest, "drop": drop, "claim": claim, "status": status, "whole_always": whole_always,
        "html_page": html_page, "etag": etag, "send": send, "hang_up": hang_up,
        "modified": MODIFIED,
    }  # fmt: skip


@pytest.fixture
def limits():
    """Return limits that let a test be quick: four fruitless requests, 10 ms and more between them."""
    return Limits(2, 1000.0, Patience(attempts=4, first_wait=0.01, longest_wait=0.05, longest_asked=5.0))


@functools.cache  # the header has the time at which it was written
def fits_file(seed: int = 0, pixels: int = 20000, checksum: bool = True) -> bytes:
    """Return a FITS file with an image and a table, `pixels` floats each."""
    values = np.random.default_rng(seed).normal(size=pixels).astype(np.float32)
    table = fits.BinTableHDU.from_columns([fits.Column("flux", "E", array=values)])
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(values.reshape(100, -1)), table]).writeto(out, checksum=checksum)
    return out.getvalue()


@pytest.fixture
def new_fits():
    """Return `fits_file`."""
    return fits_file
