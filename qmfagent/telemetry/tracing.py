"""Spans, told by OpenTelemetry: batches over OTLP/HTTP, from a thread of the library's.

Rules of this file: what becomes of a span costs the agent nothing but the queue it waits in: a collector that is away or slow
loses spans, and is logged once, as is that it is back. The trace id decides whether a trace is taken, so that sites with the
same share take the same ones, and none takes more than its share, whatever a caller says.
Source: OpenTelemetry specification, "Trace SDK"; W3C Trace Context, "traceparent Header".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import Final

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from qmfagent import __version__
from qmfagent.config.traces import TracesConfig
from qmfagent.errors import ConfigError
from qmfagent.trace import Kind, Value

SERVICE: Final = "qmfagent"
PREFIX: Final = "qmfagent."
"""What the names of attributes begin with that are ours."""
MAX_TEXT: Final = 256
"""Characters of an attribute; some come from peers."""
EXPORT_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0

_KINDS = {Kind.INTERNAL: SpanKind.INTERNAL, Kind.SERVER: SpanKind.SERVER, Kind.CONSUMER: SpanKind.CONSUMER}

_log = logging.getLogger(__name__)


class OtlpTraces:
    """Traces that go to a collector."""

    def __init__(self, config: TracesConfig, site: str) -> None:
        self._config = config
        self._site = site
        self._provider: TracerProvider | None = None

    def start(self) -> OtelTracer:
        """Begin: who is to be told. Raises ConfigError for certificates that can't be used."""
        # Its exporter tells of every batch that fails.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._provider = make_provider(self._config.sample, self._site)
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(_otlp(self._config), self._config.endpoint)))
        return OtelTracer(self._provider.get_tracer(SERVICE, __version__))

    async def stop(self) -> None:
        """Tell what is not told yet, in two seconds at most."""
        if self._provider is None:
            return
        # The library waits for a request that is under way; a thread of the loop's would be waited for at the end.
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        threading.Thread(target=_shut_down, args=(self._provider, loop, stopped), daemon=True).start()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await stopped.wait()
        except TimeoutError:
            _log.warning("the last spans were not taken at %s", self._config.endpoint)


class OtelTracer:
    """A Tracer that makes spans of OpenTelemetry."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start(self, name: str, parent: str, kind: Kind) -> OtelSpan:
        """Begin a span below a traceparent, or a trace of its own where that is empty."""
        context = _context(parent, remote=kind is not Kind.INTERNAL) if parent else Context()
        return OtelSpan(self._tracer.start_span(name, context, _KINDS[kind]))


class OtelSpan:
    """A Span of OpenTelemetry."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def note(self, values: Mapping[str, Value]) -> None:
        """Tell more of it."""
        self._span.set_attributes({f"{PREFIX}{key}": value for key, value in values.items()})

    def failed(self, reason: str) -> None:
        """It did not succeed, for a reason with a name."""
        self._span.set_attribute("error.type", reason)
        self._span.set_status(Status(StatusCode.ERROR, reason[:MAX_TEXT]))

    def end(self) -> None:
        """It is over."""
        self._span.end()


def make_provider(sample: float, site: str) -> TracerProvider:
    """What makes the spans of the agent of `site`, of that share of all traces; nobody is told of them yet."""
    share = TraceIdRatioBased(sample)
    return TracerProvider(
        # A caller that is not traced itself says as well that its trace is to be taken.
        sampler=ParentBased(root=share, remote_parent_sampled=share),
        resource=Resource.create(
            {"service.name": SERVICE, "service.instance.id": site, "service.version": __version__}
        ),
        span_limits=SpanLimits(max_span_attribute_length=MAX_TEXT),
        shutdown_on_exit=False,
    )


class _Exporter(SpanExporter):
    """Sends batches, and logs when that stops or starts to succeed."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            _log.warning("traces are not taken at %s, and lost until they are", self._endpoint)
        if self._failing and not failed:
            _log.info("traces are taken at %s again", self._endpoint)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """Send nothing any more."""
        self._exporter.shutdown()


def _otlp(config: TracesConfig) -> OTLPSpanExporter:
    """What sends to the collector. Raises ConfigError for a CA that can't be used."""
    if config.ca:
        try:
            ssl.create_default_context(cafile=config.ca)
        except OSError as error:
            raise ConfigError(f"the 'ca' of [traces], {config.ca}, can't be used: {error.strerror or error}") from None
    system = ssl.get_default_verify_paths()
    session = requests.Session()
    # Neither a proxy nor passwords of the user's that happen to be there.
    session.trust_env = False
    return OTLPSpanExporter(
        endpoint=config.endpoint,
        certificate_file=str(config.ca) if config.ca else system.cafile or system.capath,
        timeout=EXPORT_SECONDS,
        session=session,
    )


def _context(traceparent: str, *, remote: bool) -> Context:
    """The context in which the span of a traceparent is the parent."""
    _, trace_id, span_id, flags = traceparent.split("-")
    parent = SpanContext(int(trace_id, 16), int(span_id, 16), remote, TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _shut_down(provider: TracerProvider, loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    provider.shutdown()
    # The loop may be over by now.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(stopped.set)
