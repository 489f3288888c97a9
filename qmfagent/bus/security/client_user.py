"""Who a client is to a broker.

Rules of this file: a name that is given counts, then the user that logs in with a password, then the common name of the
certificate, which is what brokers take a user from (RabbitMQ with ssl_cert_login_from = common_name, qpidd).
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from qmfagent.bus.security.credentials import Credentials
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.errors import ConfigError


def client_user(given: str, credentials: Credentials | None, tls: TlsConfig | None) -> str:
    """The user's name, empty where nothing says so. Raises ConfigError for a certificate that can't be read."""
    if given or credentials is not None:
        return given or (credentials.user if credentials is not None else "")
    if tls is None or tls.certificate is None:
        return ""
    try:
        certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"TLS: can't read the certificate {tls.certificate}: {error}") from None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
