"""Passwords in the keyring of whoever sits at the console.

Rules of this file: the library for that is optional, and is looked for only where a profile asks for it. A password is part of
no text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

from qmfagent.bus.security.credentials import Credentials
from qmfagent.errors import ConfigError


def stored_credentials(profile: str, user: str) -> Credentials:
    """The credentials of a user, whose password was stored for a profile. Raises ConfigError where it can't be had."""
    with _keyring() as keyring:
        password = keyring.get_password(_service(profile), user)
    if not password:
        raise ConfigError(
            f"the keyring has no password of {user!r} for profile {profile!r}",
            hint=f"store it with: qmfconsole --profile {profile} login",
        )
    return Credentials(user, password)


def store_password(profile: str, user: str, ask: Callable[[], str]) -> None:
    """Store what `ask` gives, which is called once there is a keyring. Raises ConfigError where it can't be stored."""
    with _keyring() as keyring:
        keyring.set_password(_service(profile), user, ask())


def remove_password(profile: str, user: str) -> bool:
    """Remove a password; whether there was one. Raises ConfigError where the keyring can't be used."""
    with _keyring() as keyring:
        if keyring.get_password(_service(profile), user) is None:
            return False
        keyring.delete_password(_service(profile), user)
        return True


@contextmanager
def _keyring() -> Iterator[ModuleType]:
    """The library; its errors become ConfigErrors."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ConfigError(
            "the password is to be in the keyring, and the library for that is not installed",
            hint="install qmfagent[keyring], or give the profile a password_file instead of password_keyring",
        ) from None
    try:
        yield keyring
    except KeyringError as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f"the keyring can't be used: {text}", hint="unlock it, or give the profile a password_file instead"
        ) from None


def _service(profile: str) -> str:
    return f"qmfconsole:{profile}"
