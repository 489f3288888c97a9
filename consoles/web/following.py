"""A task on its way to a page: events `progress` with a rendered fragment, and one `over` at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from starlette.responses import Response

from consoles.web.streams import message, stream
from consoles.web.visiting import Visit
from consoles.web.work import Task


def follow(visit: Visit, task: Task, shown: Callable[[], str]) -> Response:
    """What `shown` renders of a task, now and whenever there is more. Raises as stream does."""
    return stream(visit, _progress(task, shown))


async def _progress(task: Task, shown: Callable[[], str]) -> AsyncIterator[bytes]:
    while True:
        number, over = task.number, task.over
        yield message("progress", shown())
        if over:
            break
        await task.after(number)
    yield message("over", "")
