"""URLs of http and https in the configuration."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from qmfagent.config.table import Table


def read_http_url(table: Table, form: str) -> SplitResult:
    """The key `url` of a table, in its parts: http or https, with a host; its port can be read. `form` says what to write.

    Raises ConfigError.
    """
    try:
        url = urlsplit(table.text("url"))
        _ = url.port
    except ValueError:
        raise table.wrong("url", form, ", which is no URL") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise table.wrong("url", form)
    return url
