"""Passwords of a listener: Cyrus SASL, told to look users up in one sasldb file.

Rules of this file: Cyrus SASL reads its configuration once in the life of a process, for all listeners in it, when the
first one begins to speak SASL. So it is set up before that, and whether it did take effect is checked: by asking for the
mechanisms that it offers. Its configuration file exists for that moment only, in a directory that nobody else can read.
The users themselves are looked up for every login: a new password needs no restart.
Source: proton's cyrus_sasl.c; Cyrus SASL's options (auxprop_plugin, sasldb_path, mech_list); RFC 7677 (SCRAM-SHA-256);
AMQP 1.0 part 5.3.3.1 (sasl-mechanisms).
"""

from __future__ import annotations

import os
import stat
import sysconfig
import tempfile
from pathlib import Path

import proton

from qmfagent.bus.security.credentials import require_private
from qmfagent.errors import ConfigError

PASSWORD_MECHANISMS = frozenset({"SCRAM-SHA-256", "PLAIN"})
MECHANISMS = PASSWORD_MECHANISMS | {"EXTERNAL", "ANONYMOUS"}
"""What any port of this process may offer; each offers only its own."""

APPLICATION = "qmfagent"
HOW_TO_MAKE = "make it with: saslpasswd2 -c -f {} -u qmfagent USER"

_in_use: Path | None = None


def use_users(users: Path) -> None:
    """Let this process check passwords against a sasldb file.

    Raises ConfigError where the file is not there or others can read it, where a plugin of Cyrus SASL is missing, and
    where this process has checked passwords against another file, or begun to speak SASL, before.
    """
    global _in_use
    users = users.absolute()
    _check_file(users)
    if users == _in_use:
        return
    if _in_use is not None:
        raise ConfigError(f"users are looked up in {_in_use} already, and can't be in {users} too")
    _require_sasldb(_plugin_directories())
    with tempfile.TemporaryDirectory(prefix="qmfagent-sasl-") as directory:
        Path(directory, f"{APPLICATION}.conf").write_text(
            f"auxprop_plugin: sasldb\nsasldb_path: {users}\nmech_list: {' '.join(sorted(MECHANISMS))}\n"
        )
        offered = _offered(directory)
    if missing := PASSWORD_MECHANISMS - offered:
        raise ConfigError(
            f"Cyrus SASL can't do {' and '.join(sorted(missing))} here", hint="install the package libsasl2-modules"
        )
    if offered != PASSWORD_MECHANISMS:
        raise ConfigError(
            "Cyrus SASL was set up in this process before, and can't look users up now", hint="restart the agent"
        )
    _in_use = users


def _check_file(users: Path) -> None:
    if not str(users).isprintable():
        raise ConfigError(f"users file {str(users)!r} has a name with control characters", hint="rename it")
    try:
        with users.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except FileNotFoundError:
        raise ConfigError(f"users file {users} is not there", hint=HOW_TO_MAKE.format(users)) from None
    except OSError as error:
        raise ConfigError(f"users file {users}: {error.strerror}") from None
    require_private(users, mode, "users file")


def _plugin_directories() -> list[Path]:
    """Where Cyrus SASL keeps its plugins: as the environment says, else where distributions put them."""
    given = os.environ.get("SASL_PATH", "")
    if given:
        return [Path(each) for each in given.split(":") if each]
    libraries = (sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("MULTIARCH") or "")
    places = {"/usr/lib", "/usr/lib64", libraries[0], f"/usr/lib/{libraries[1]}"}
    return [Path(place, "sasl2") for place in sorted(places) if place]


def _require_sasldb(directories: list[Path]) -> None:
    """Raise ConfigError where Cyrus SASL has no plugin that reads sasldb: it would not say so, but let nobody in."""
    present = [directory for directory in directories if directory.is_dir()]
    if not any(list(directory.glob("libsasldb.so*")) for directory in present):
        where = " or ".join(map(str, present or directories))
        raise ConfigError(f"Cyrus SASL has no sasldb plugin in {where}", hint="install the package libsasl2-modules-db")


def _offered(directory: str) -> set[str]:
    """Begin to speak SASL, with the configuration in a directory; the mechanisms that are offered."""
    server = proton.Transport(proton.Transport.SERVER)
    sasl = server.sasl()
    sasl.config_path(directory)
    sasl.config_name(APPLICATION)
    sasl.allow_insecure_mechs = True  # as within TLS, where PLAIN is offered
    server.require_auth(True)
    server.bind(proton.Connection())
    server.push(b"AMQP\x03\x01\x00\x00")
    output = server.peek(server.pending()) or b""
    frame = proton.Data()
    frame.decode(bytes(output[16:]))  # after the protocol header and the frame's header, of 8 bytes each
    frame.rewind()
    frame.next()
    mechanisms = frame.get_object().value[0]
    return {str(each) for each in (mechanisms if isinstance(mechanisms, list) else mechanisms.elements)}
