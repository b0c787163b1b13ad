"""A Redis that knows every command and refuses some: what it said, and what cures it; TLS that
fails is called so.
"""

import ipaddress
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keter.bus.connection import Bus, connect
from keter.clock import SystemClock
from keter.errors import ConfigurationError, UnavailableError
from keter.redis_server.probe import probe, refuse_for_live
from keter.settings import load_settings
from keter.supervision.doctor import examine
from keter.supervision.findings import Grade
from keter.system.addresses import free_port
from tests.kit.support import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    found = RedisServer()
    yield found
    found.close()


@pytest.fixture
async def own_bus(server: RedisServer) -> AsyncIterator[Bus]:
    found = await connect(server.url)
    yield found
    await found.aclose()


@pytest.mark.parametrize(
    ("command", "says", "for_live"),
    [
        (
            ("REPLICAOF", "127.0.0.1", "1"),
            "read only replica.*set REDIS_URL or REDIS_HOST to the primary",
            UnavailableError,
        ),
        (
            ("CONFIG", "SET", "maxmemory", "1"),
            "command not allowed when used memory.*raise its maxmemory",
            None,
        ),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), "NOREPLICAS.*look into its log", None),
    ],
    ids=["read-only", "full", "without replicas"],
)
async def test_a_server_that_refuses_is_told_in_its_own_words_and_not_as_one_that_knows_too_little(
    own_bus: Bus, command: tuple[str, ...], says: str, for_live: type[Exception] | None
) -> None:
    await own_bus.redis.execute_command(*command)
    facts = await probe(own_bus)
    assert facts.missing == ()
    assert any(re.search(says, problem) for problem in facts.problems)
    assert "another server" not in " ".join(facts.problems)
    if for_live is None:
        # It may cure itself, and open bets are to be followed meanwhile.
        await refuse_for_live(own_bus)
    else:
        with pytest.raises(for_live, match=says):
            await refuse_for_live(own_bus)


@pytest.mark.parametrize(
    "lacks", ["-set", "-lmove -blpop", "-script", "-info", "-evalsha", "resetkeys"]
)
async def test_a_user_without_the_rights_is_told_what_to_give_it(
    server: RedisServer, own_bus: Bus, lacks: str
) -> None:
    await own_bus.redis.execute_command(
        "ACL", "SETUSER", "weak", "on", ">canary-4711", "~*", "&*", "+@all", *lacks.split()
    )
    url = server.url.replace("redis://", "redis://weak:canary-4711@")
    with pytest.raises(
        (ConfigurationError, UnavailableError), match=r"ACL SETUSER <user> ~\* &\* \+@all"
    ) as caught:
        bus = await connect(url)
        try:
            await bus.redis.load_scripts()
            await bus.redis.run("beat", ["a", "b"], ["x", 1000])
            await refuse_for_live(bus)
        finally:
            await bus.aclose()
    assert "another server" not in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_doctor_says_what_a_replica_said(
    server: RedisServer, own_bus: Bus, tmp_path: Path
) -> None:
    await own_bus.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    settings = load_settings(
        None, {"DATA_DIR": str(tmp_path), "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port)}
    )
    failed = [
        finding.text
        for finding in await examine(settings, SystemClock())
        if finding.grade is Grade.FAILED
    ]
    assert any("read only replica" in text and "primary" in text for text in failed)


class TlsServer:
    """A redis-server that speaks TLS only."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.authority = folder / "ca.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        self.authority.write_bytes(_certificate(key))
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        executable = shutil.which("redis-server")
        if executable is None:
            pytest.skip("no redis-server on this machine")
        self.process = subprocess.Popen(
            [
                executable,
                "--port",
                "0",
                "--tls-port",
                str(self.port),
                "--tls-cert-file",
                self.authority,
                "--tls-key-file",
                folder / "key.pem",
                "--tls-ca-cert-file",
                self.authority,
                "--tls-auth-clients",
                "no",
                "--save",
                "",
                "--dir",
                folder,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "Ready to accept" in line:
                return
        pytest.skip("this redis-server does not speak TLS")

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TlsServer]:
    found = TlsServer(tmp_path)
    yield found
    found.close()


async def test_tls_that_fails_is_called_tls(
    tls: TlsServer, server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for url, says in (
        (
            f"rediss://127.0.0.1:{tls.port}/0",
            "TLS with Redis at .* failed: certificate verify failed",
        ),
        (
            f"rediss://localhost:{tls.port}/0?ssl_ca_certs={tls.authority}",
            "TLS with .*Hostname mismatch",
        ),
        (
            f"rediss://127.0.0.1:{tls.port}/0?ssl_ca_certs={tmp_path}/none.pem",
            "a file that REDIS_URL names .* is missing",
        ),
        (
            f"rediss://127.0.0.1:{tls.port}/0?ssl_ca_certs={tmp_path}/no.pem",
            "TLS with Redis at .* failed",
        ),
        (
            f"redis://127.0.0.1:{tls.port}/0",
            "closed the connection.*TLS only is reached by rediss://",
        ),
        (f"rediss://127.0.0.1:{server.port}/0", "does not answer in TLS.*reached by redis://"),
    ):
        with pytest.raises(UnavailableError, match=says):
            await connect(url)
    bus = await connect(f"rediss://127.0.0.1:{tls.port}/0?ssl_ca_certs={tls.authority}")
    assert await bus.now_ms() > 0
    await bus.aclose()
