"""A certificate for loopback under an authority of its own, made anew at each start."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def make_certificate() -> tuple[ssl.SSLContext, str]:
    """The server's context, and the authority's certificate as PEM."""
    above, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root, name = _name("Lianshu sandbox CA"), _name("localhost")
    authority = _start(root, root, above, above).add_extension(x509.BasicConstraints(True, 0), critical=True)
    alike = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    server = _start(name, root, key, above).add_extension(alike, critical=False)
    signed = [each.sign(above, SHA256()).public_bytes(Encoding.PEM) for each in (server, authority)]
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_bytes(secret + b"".join(signed))
        context.load_cert_chain(chain)
    return context, signed[1].decode()


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _start(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, above: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    above_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key())
    return (
        x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(above_id, critical=False)
    )
