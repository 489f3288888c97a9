"""An OTLP/HTTP collector, as far as tests need one: it keeps the spans that it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span as it was sent. Ids are hexadecimal; `parent` is empty for the first one of a trace; `start` in nanoseconds."""

    site: str
    name: str
    trace: str
    id: str
    parent: str
    start: int
    values: dict[str, Any]
    failed: str
    version: str


@dataclass
class Collector:
    """What was sent to `url`; `status` is what it answers with."""

    url: str = ""
    status: int = 200
    requests: int = 0
    spans: list[Seen] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        """Keep what a request tells."""
        self.requests += 1
        if self.status != 200:
            return
        request = ExportTraceServiceRequest.FromString(body)
        for told in request.resource_spans:
            resource = _values(told.resource.attributes)
            assert resource["service.name"] == "qmfagent"
            for span in (span for scope in told.scope_spans for span in scope.spans):
                self.spans.append(
                    Seen(
                        resource["service.instance.id"],
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.start_time_unix_nano,
                        _values(span.attributes),
                        span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else "",
                        resource["service.version"],
                    )
                )


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _values(attributes: Any) -> dict[str, Any]:
    found = {}
    for item in attributes:
        kind = item.value.WhichOneof("value")
        value = getattr(item.value, kind)
        found[item.key] = [each.string_value for each in value.values] if kind == "array_value" else value
    return found
