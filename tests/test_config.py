"""The agent's configuration file: every key, and every error by file and key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import TZPATH

import pytest

from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.cib.snapshot import Snapshot
from qmfagent.config import Config, Listen, Peer, Replication, local_time, read_config
from qmfagent.config.journal import IN_MEMORY, JournalConfig
from qmfagent.config.local_time import local_zone
from qmfagent.errors import ConfigError
from qmfagent.journal.store import MIB, Retention
from qmfagent.policy.access import Access, Rule
from qmfagent.policy.agents import AllowList
from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.roles import Role
from qmfagent.policy.schedule import Schedule, Window
from qmfagent.policy.secrets import DEFAULT_PATTERNS
from qmfagent.site_store import site_name

WHOLE = """
site = "paris"
[cib]
file = "paris.xml"
[booth]
config = ["geo.conf", "/etc/booth/other.conf"]
[listen]
url = "amqps://0.0.0.0:5671"
password_url = "amqps://0.0.0.0:5673"
users = "users.sasldb"
heartbeat = 5
[tls]
certificate = "paris.pem"
key = "/etc/paris.key"
ca = "ca.pem"
[[peer]]
site = "lyon"
url = "amqps://lyon.example.com:5671"
certificate_name = "lyon"
verify_key = "lyon.sign.pub"
[[peer]]
site = "nice"
url = "amqps://nice.example.com"
[replication]
mode = "automatic"
windows = [{ start = "0 22 * * *", minutes = 120 }, { start = "0 8 * * sun", minutes = 60 }]
drift = "heal"
site_file = "paris-site.toml"
agents = ["ocf:heartbeat:*", "systemd:nginx"]
signing_key = "paris.sign.key"
[[ticket]]
name = "db-ticket"
mode = "manual"
[[ticket]]
name = "web-ticket"
mode = "periodic"
schedule = "*/15 * * * *"
windows = []
drift = "keep"
[[access]]
identity = "CN=lyon"
role = "replicator"
tickets = ["db-*"]
[[access]]
identity = ["CN=admin", "CN=root"]
role = "administrator"
[[access]]
identity = "*"
deny = true
classes = ["Ticket"]
methods = ["grant"]
sites = ["paris"]
[redaction]
patterns = ["pin"]
[journal]
file = "journal.db"
max_entries = 500
max_mib = 2
[limits]
connections = 20
message_bytes = 2000000
request_bytes = 100000
requests_per_second = 50
queue_messages = 200
queue_bytes = 3000000
"""

AUTOMATIC = "[replication]\nmode = 'automatic'\n"
PERIODIC = "[replication]\nmode = 'periodic'\nschedule = "
TLS = '[tls]\ncertificate = "a"\nkey = "b"\nca = "c"\n'


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Config]:
    def read(text: str) -> Config:
        path = tmp_path / "agent.toml"
        path.write_text(text)
        return read_config(path)

    return read


def test_every_key(read: Callable[[str], Config], tmp_path: Path) -> None:
    assert read(WHOLE) == Config(
        site="paris",
        cib_file=tmp_path / "paris.xml",
        booth=(tmp_path / "geo.conf", Path("/etc/booth/other.conf")),
        listen=Listen("amqps://0.0.0.0:5671", 5, "amqps://0.0.0.0:5673", tmp_path / "users.sasldb"),
        tls=TlsConfig(tmp_path / "paris.pem", Path("/etc/paris.key"), tmp_path / "ca.pem"),
        peers=(
            Peer("lyon", "amqps://lyon.example.com:5671", "lyon", tmp_path / "lyon.sign.pub"),
            Peer("nice", "amqps://nice.example.com"),
        ),
        replication=Replication(
            TicketPolicy(
                "automatic",
                windows=(Window(Schedule("0 22 * * *"), 120), Window(Schedule("0 8 * * sun"), 60)),
                drift="heal",
            ),
            {
                "db-ticket": TicketPolicy("manual", drift="heal"),
                "web-ticket": TicketPolicy("periodic", Schedule("*/15 * * * *"), drift="keep"),
            },
            tmp_path / "paris-site.toml",
            AllowList.of("ocf:heartbeat:*", "systemd:nginx"),
            tmp_path / "paris.sign.key",
        ),
        access=Access(
            (
                Rule(("CN=lyon",), Role.REPLICATOR, tickets=("db-*",)),
                Rule(("CN=admin", "CN=root"), Role.ADMINISTRATOR),
                Rule(("*",), None, classes=("Ticket",), methods=("grant",), sites=("paris",)),
            )
        ),
        secret_names=(*DEFAULT_PATTERNS, "pin"),
        journal=JournalConfig(tmp_path / "journal.db", Retention(500, 2 * MIB)),
        limits=Limits(
            max_connections=20,
            max_message_size=2_000_000,
            request_bytes=100_000,
            requests_per_second=50,
            queue_messages=200,
            queue_bytes=3_000_000,
        ),
    )


def test_an_empty_file_listens_on_loopback_and_lets_nobody_in(read: Callable[[str], Config]) -> None:
    assert read("") == Config()
    assert Config().listen.url == "amqp://127.0.0.1:5672"
    assert not Config().access.admits("anonymous")
    assert not Config().replication.agents.allows(("ocf", "heartbeat", "IPaddr2"))
    assert Config().replication.policy == TicketPolicy("manual", None, (), "keep")


def test_the_documented_example_can_be_read(read: Callable[[str], Config]) -> None:
    page = (Path(__file__).parents[1] / "docs/reference/configuration.md").read_text()
    assert read(page.split("```toml\n")[1].split("```")[0]).site == "paris"


def test_a_journal_in_memory_keeps_less_than_one_in_a_file(read: Callable[[str], Config]) -> None:
    assert read("[journal]\nfile = 'j'").journal.retention == Retention()
    assert read("[journal]\nmax_mib = 3").journal == JournalConfig(None, Retention(IN_MEMORY.max_entries, 3 * MIB))


def test_tickets_have_the_mode_of_their_entry_or_the_default(read: Callable[[str], Config]) -> None:
    config = read(WHOLE)
    assert [config.replication.policy_of(name).mode for name in ("db-ticket", "other")] == ["manual", "automatic"]


def test_a_ticket_has_what_is_usual_where_its_entry_says_nothing(read: Callable[[str], Config]) -> None:
    usual = f"{PERIODIC}'0 2 * * *'\nwindows = [{{start = '0 2 * * *', minutes = 30}}]\ndrift = 'heal'\n"
    entries = {"drift": "'keep'", "mode": "'manual'", "schedule": "'0 3 * * *'", "windows": "[]"}
    config = read(usual + "".join(f"[[ticket]]\nname = '{key}'\n{key} = {value}\n" for key, value in entries.items()))
    at, window = Schedule("0 2 * * *"), (Window(Schedule("0 2 * * *"), 30),)
    assert {name: config.replication.policy_of(name) for name in (*entries, "other")} == {
        "drift": TicketPolicy("periodic", at, window, "keep"),
        "mode": TicketPolicy("manual", None, (), "heal"),
        "schedule": TicketPolicy("periodic", Schedule("0 3 * * *"), window, "heal"),
        "windows": TicketPolicy("periodic", at, (), "heal"),
        "other": TicketPolicy("periodic", at, window, "heal"),
    }


@pytest.mark.parametrize(
    ("zone", "expected"), [("Asia/Tokyo", "Asia/Tokyo"), (":Europe/Paris", "Europe/Paris"), ("No/Where", "UTC")]
)
def test_schedules_are_read_in_the_zone_of_this_host(zone: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    assert str(local_zone()) == expected


def test_without_tz_the_zone_is_that_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(local_time, "_LOCALTIME", tmp_path / "localtime")
    assert local_zone() is UTC
    (path,) = [Path(folder) / "Europe/Paris" for folder in TZPATH if (Path(folder) / "Europe/Paris").exists()][:1]
    (tmp_path / "localtime").write_bytes(path.read_bytes())
    winter = datetime(2026, 1, 1, tzinfo=local_zone())
    assert winter.utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour = 1", ["unknown key 'colour'"]),
        ("[cib]\nfiel = 'x'", ["'fiel'", "[cib]", "known: file"]),
        ("[[peer]]\nsite = 'x'\nurl = 'amqp://x'\nport = 1", ["'port'", "[[peer]]"]),
        ("site = 1", ["'site' in the file", "1"]),
        ("site = ''", ["'site' in the file"]),
        ("site = 'a:b'", ["'site' in the file", "'a:b'", "colon"]),
        ("site = 'a\tb'", ["'site' in the file", "control"]),
        ("cib = 'x'", ["'cib'", "write [cib]"]),
        ("[cib]\nfile = ''", ["'file' in [cib]"]),
        ("[listen]\nurl = 'http://x'", ["'url' in [listen]", "http"]),
        ("[listen]\nurl = 'amqp://u:p@x'", ["'url' in [listen]", "credentials"]),
        ("[listen]\nurl = 'amqps://x'", ["'url' in [listen]", "add [tls]"]),
        (TLS, ["'url' in [listen]", "write amqps"]),
        ("[listen]\nheartbeat = 0", ["'heartbeat' in [listen]", "1 to 3600"]),
        ("[listen]\nheartbeat = true", ["'heartbeat'"]),
        ("[listen]\nheartbeat = '5'", ["'heartbeat'"]),
        ("[tls]\nkey = 'b'\nca = 'c'", ["[tls] has no 'certificate'"]),
        ("[tls]\ncertificate = 'a'\nkey = 'b'\nca = 3", ["'ca' in [tls]"]),
        ("peer = 1", ["'peer'", "[[peer]]"]),
        ("[peer]\nsite = 'x'", ["'peer'", "[[peer]]"]),
        ("[[peer]]\nurl = 'amqp://x'", ["[[peer]] has no 'site'"]),
        ("[[peer]]\nsite = 'x'", ["[[peer]] has no 'url'"]),
        ("[[peer]]\nsite = 'x'\nurl = 'x'", ["'url' in [[peer]]"]),
        ("[[peer]]\nsite = 'x'\nurl = 'amqps://x'", ["'url' in [[peer]]", "add [tls]"]),
        ("[[peer]]\nsite = 'x'\nurl = 'amqp://x'\ncertificate_name = 'y'", ["'certificate_name'", "'x'"]),
        ("site = 'x'\n[[peer]]\nsite = 'x'\nurl = 'amqp://x'", ["'site' in [[peer]]", "this site"]),
        ("[[peer]]\nsite = 'x'\nurl = 'amqp://x'\n" * 2, ["'site' in [[peer]]", "twice"]),
        ("[replication]\nmode = 'auto'", ["'mode' in [replication]", "'auto'", "'automatic'"]),
        ("[replication]\nsite_file = 1", ["'site_file' in [replication]"]),
        ("[[ticket]]\nmode = 'manual'", ["[[ticket]] has no 'name'"]),
        ("[[ticket]]\nname = 'x'", ["[[ticket]] says nothing of 'x'", "mode, schedule, windows, drift"]),
        ("[[ticket]]\nname = 'x'\ndrift = 'ignore'", ["'drift' in [[ticket]]", "'ignore'", "'keep' or 'heal'"]),
        ("[replication]\nmode = 'periodic'", ["[replication] has no 'schedule'", "schedule ="]),
        ("[replication]\nschedule = '0 2 * * *'", ["'schedule' in [replication]", "'manual'", "periodic"]),
        (
            "[[ticket]]\nname = 'x'\nmode = 'automatic'\nschedule = '0 2 * * *'",
            ["'schedule' in [[ticket]]", "'automatic'", "leave it out"],
        ),
        (f"{PERIODIC}'0 2 * *'", ["'schedule' in [replication]", "'0 2 * *'", "five fields"]),
        (f"{PERIODIC}'0 25 * * *'", ["'schedule' in [replication]", "bad hour", "crontab(5)"]),
        (f"{PERIODIC}'0 0 */30 2 mon#5'", ["'schedule' in [replication]", "no such time", "crontab(5)"]),
        (f"{PERIODIC}2", ["'schedule' in [replication]", "not a text"]),
        ("[replication]\nwindows = [{start = '0 2 * * *', minutes = 9}]", ["'windows' in [replication]", "'manual'"]),
        (f"{AUTOMATIC}windows = '0 2 * * *'", ["'windows' is not a list", "[[replication.windows]]"]),
        (f"{AUTOMATIC}windows = [{{minutes = 9}}]", ["[[replication.windows]] has no 'start'"]),
        (f"{AUTOMATIC}windows = [{{start = '0 2 * * *'}}]", ["[[replication.windows]] has no 'minutes'"]),
        (
            f"{AUTOMATIC}windows = [{{start = '61 2 * * *', minutes = 9}}]",
            ["'start' in [[replication.windows]]", "bad minute"],
        ),
        (
            f"{AUTOMATIC}windows = [{{start = '0 2 * * *', minutes = 0}}]",
            ["'minutes' in [[replication.windows]]", "1 to 10080"],
        ),
        (f"{AUTOMATIC}windows = [{{start = '0 2 * * *', hours = 1}}]", ["'hours' in [[replication.windows]]"]),
        ("[[ticket]]\nname = 'x'\nmode = 'manual'\n" * 2, ["'name' in [[ticket]]", "twice"]),
        ("[access]\nwrite = ['CN=x']", ["'access'", "[[access]]"]),
        ("[[access]]\nwrite = ['CN=x']", ["'write'", "[[access]]"]),
        ("[[access]]\nidentity = 'CN=x'", ["[[access]] has no 'role'", "viewer, operator, replicator, administrator"]),
        ("[[access]]\nrole = 'viewer'", ["[[access]] has no 'identity'"]),
        ("[[access]]\nidentity = []\nrole = 'viewer'", ["[[access]] has no 'identity'"]),
        ("[[access]]\nidentity = 'x'\nrole = 'root'", ["'role' in [[access]]", "'root'"]),
        ("[[access]]\nidentity = 'x'\nrole = 'viewer'\ndeny = true", ["both 'role' and 'deny'"]),
        ("[[access]]\nidentity = 'x'\nrole = 'viewer'\ntickets = []", ["'tickets' in [[access]]", "leave it out"]),
        ("[replication]\nagents = ['IPaddr2']", ["'agents' in [replication]", "'IPaddr2'", "class"]),
        ("[replication]\nagents = ['ocf:IPaddr2']", ["'agents' in [replication]", "ocf:PROVIDER:TYPE"]),
        ("[replication]\nagents = ['*']", ["'agents' in [replication]", "without wildcards"]),
        ("[redaction]\nnames = ['x']", ["'names'", "[redaction]"]),
        ("[listen]\npassword_url = 'amqps://x'", ["'password_url' and 'users'", "[listen]", "belong together"]),
        ("[listen]\nusers = 'u'", ["'password_url' and 'users'", "[listen]"]),
        ("[listen]\npassword_url = 'amqp://127.0.0.1'\nusers = 'u'", ["'password_url'", "unencrypted", "amqps"]),
        ("[listen]\npassword_url = 'amqps://x'\nusers = 'u'", ["'password_url'", "needs TLS"]),
        ("[journal]\nmax_entries = 1", ["'max_entries' in [journal]", "from 100"]),
        ("[journal]\nsize = 1", ["'size'", "[journal]"]),
        ("[limits]\nrequests_per_second = 0", ["'requests_per_second' in [limits]", "from 1"]),
        ("[limits]\nrequest_bytes = '1 MiB'", ["'request_bytes' in [limits]", "bytes"]),
        ("site =\nx = 1", ["TOML", "line 1"]),
    ],
)
def test_every_error_names_file_and_key(
    read: Callable[[str], Config], tmp_path: Path, text: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as raised:
        read(text)
    for word in [str(tmp_path / "agent.toml"), *words]:
        assert word in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(ConfigError, match=str(path)):
            read_config(path)
    (tmp_path / "latin.toml").write_bytes(b"site = '\xe9'")
    with pytest.raises(ConfigError, match=r"latin\.toml: no valid TOML"):
        read_config(tmp_path / "latin.toml")


def named(name: str) -> Snapshot:
    nvpair = f'<nvpair id="n" name="cluster-name" value="{name}"/>' if name else ""
    crm_config = f'<crm_config><cluster_property_set id="o">{nvpair}</cluster_property_set></crm_config>'
    return Snapshot.parse(f"<cib><configuration>{crm_config}</configuration></cib>".encode())


def test_a_site_is_called_as_pacemaker_calls_its_cluster_where_several_sets_name_it() -> None:
    other, own = (
        f'<cluster_property_set id="{i}"><nvpair id="{i}-n" name="cluster-name" value="{name}"/></cluster_property_set>'
        for i, name in (("added", "other"), ("cib-bootstrap-options", "own"))
    )
    text = f"<cib><configuration><crm_config>{other}{own}</crm_config></configuration></cib>"
    assert site_name(Config(), Snapshot.parse(text.encode())) == "own"


def test_a_site_is_called_as_configured_or_as_its_cluster() -> None:
    assert site_name(Config(site="here"), named("there")) == "here"
    assert site_name(Config(), named("there")) == "there"
    with pytest.raises(ConfigError, match="no cluster-name"):
        site_name(Config(), named(""))
    with pytest.raises(ConfigError, match="colon"):
        site_name(Config(), named("a:b"))
    with pytest.raises(ConfigError, match="a \\[\\[peer\\]\\] is too"):
        site_name(Config(peers=(Peer("there", "amqp://x"),)), named("there"))
