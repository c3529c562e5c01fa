"""A web server on 127.0.0.1 that can imitate the faults of real ones."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Serves one file at any path.

    Attributes:
        content: the file.
        etag: its version; "" sends none.
        stop_after: bytes after which the connection ends too soon; None sends all.
        heeds_range: answers a Range header with 206.
        wrong_range: answers with another part than the one asked for.
        status: of the answer, if not 200 or 206.
        ranges: the Range header of each request so far, "" where there was none.
    """

    content: bytes = b""
    etag: str = '"one"'
    stop_after: int | None = None
    heeds_range: bool = True
    wrong_range: bool = False
    status: int = 200
    ranges: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range", "")
        self.ranges.append(asked)
        if self.status != 200:
            handler.send_error(self.status)
            return
        start = 0
        if asked and self.heeds_range and handler.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.content):
                handler.send_error(416)
                return
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        if self.etag:
            handler.send_header("ETag", self.etag)
        if start:
            shown = start + (7 if self.wrong_range else 0)
            handler.send_header("Content-Range", f"bytes {shown}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body if self.stop_after is None else body[: self.stop_after])


@contextmanager
def running_server() -> Iterator[FileServer]:
    server = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}/files/model.zip"
        yield server
        http.shutdown()
        thread.join()
