"""Which resource agents are taken from others: what is listed, part by part, and nothing that could be something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.policy.agents import AllowList, split_pattern, well_formed

LIST = AllowList.of("ocf:heartbeat:IPaddr2", "ocf:pacemaker:*", "systemd:*", "bundle:podman:registry.example.com/*")


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (("ocf", "heartbeat", "IPaddr2"), True),
        (("ocf", "pacemaker", "Dummy"), True),
        (("systemd", "nginx"), True),
        (("systemd", "var-lib\\x2da.mount"), True),
        (("systemd", "getty@tty1.service"), True),
        (("bundle", "podman", "registry.example.com/team/web:1.2"), True),
        (("bundle", "podman", "registry.example.com/web@sha256:abc"), True),
        (("ocf", "heartbeat", "ipaddr2"), False),
        (("ocf", "heartbeat", "anything"), False),
        (("OCF", "pacemaker", "Dummy"), False),
        (("lsb", "nginx"), False),
        (("stonith", "fence_x"), False),
        (("bundle", "docker", "registry.example.com/web"), False),
        (("bundle", "podman", "evil.example.com/web"), False),
        # what could lie elsewhere, or be something else
        (("ocf", "pacemaker", "../heartbeat/anything"), False),
        (("ocf", "pacemaker", ".."), False),
        (("ocf", "pacemaker", "/tmp/evil"), False),
        (("ocf", "pacemaker", "x\n"), False),
        (("ocf", "pacemaker", ""), False),
        (("ocf", "pacemaker"), False),
        (("ocf", "pacemaker", "x", "y"), False),
        (("ocf", "pacemaker:x", "Dummy"), False),
        (("systemd", "heartbeat", "nginx"), False),
        (("systemd", "../../tmp/evil"), False),
        (("systemd", "-x"), False),
        (("systemd:x", "y"), False),
        (("bundle", "podman", "registry.example.com/web --privileged"), False),
        (("bundle", "podman", ""), False),
        (("", "pacemaker", "Dummy"), False),
        ((), False),
    ],
)
def test_what_is_allowed(agent: tuple[str, ...], expected: bool) -> None:
    assert LIST.allows(agent) is expected


def test_nothing_is_allowed_by_default() -> None:
    assert not AllowList().allows(("ocf", "heartbeat", "IPaddr2"))


@pytest.mark.parametrize(
    "text",
    ["", "*", "*:*", "ocf", "ocf:", "ocf:x", "ocf:x:", "ocf::x", "systemd", "systemd:", "bundle:podman", "IPaddr2"],
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        split_pattern(text)


@given(st.lists(st.text("ocfpm:./*?[]-a\n ", max_size=6), max_size=4).map(tuple))
def test_no_list_allows_a_name_that_leads_elsewhere(agent: tuple[str, ...]) -> None:
    everything = AllowList.of("ocf:*:*", "systemd:*", "bundle:*:*")
    if everything.allows(agent):
        assert well_formed(agent)
        names = agent[1:-1] if agent[0] == "bundle" else agent[1:]
        assert not any("/" in part or part.startswith((".", "-")) or not part.isprintable() for part in names)
        assert not agent[-1].startswith((".", "/", "-"))
