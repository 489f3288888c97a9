"""A tap on the connections with an agent: everything that goes through it is kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self


class Tap:
    """Passes connections on to a port of loopback, from enter to exit. `received` came from there, `sent` went there."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self.received = bytearray()
        self.sent = bytearray()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """Where to connect."""
        assert self._server is not None
        return f"amqp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()  # who connects sees what he would see without the tap: nobody is there yet
            return
        pumps = [self._pump(reader, back, self.sent), self._pump(there, writer, self.received)]
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, keep: bytearray) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                keep += data
                sink.write(data)
                await sink.drain()
        sink.close()
