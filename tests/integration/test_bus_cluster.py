"""A Redis Cluster: one node that owns every slot is used, several are refused with a sentence that
says what works.
"""

from collections.abc import AsyncIterator

import pytest

from keter.bus.connection import Bus, connect
from keter.errors import UnavailableError
from keter.redis_server.probe import probe
from keter.system.addresses import free_port
from tests.kit.support import RedisServer, eventually

pytestmark = pytest.mark.redis
WHAT_WORKS = "a single server, or a cluster of one node"


class Node:
    """A server with cluster mode on, and a bus to it."""

    def __init__(self, server: RedisServer, bus: Bus, gossip: int) -> None:
        self.server, self.bus, self.gossip = server, bus, gossip

    async def own(self, first: int, last: int) -> None:
        await self.bus.redis.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)

    async def serves(self) -> bool:
        return b"cluster_state:ok" in await self.bus.redis.execute_command("CLUSTER", "INFO")


@pytest.fixture
async def nodes() -> AsyncIterator[list[Node]]:
    opened = []
    # By itself it would be 10,000 above the port, which may be none.
    for gossip in (free_port(), free_port()):
        server = RedisServer("--cluster-enabled", "yes", "--cluster-port", str(gossip))
        opened.append(Node(server, await connect(server.url), gossip))
    yield opened
    for node in opened:
        await node.bus.aclose()
        node.server.close()


async def test_one_node_that_owns_every_slot_is_good_enough(nodes: list[Node]) -> None:
    one = nodes[0]
    await one.own(0, 16383)
    await eventually(one.serves)
    assert not (await probe(one.bus)).is_fake


async def test_a_node_that_owns_a_part_is_refused_with_what_works(nodes: list[Node]) -> None:
    await nodes[0].own(0, 8191)
    with pytest.raises(UnavailableError, match=f"8192 of 16384 slots.*{WHAT_WORKS}"):
        await probe(nodes[0].bus)


async def test_a_key_of_another_node_is_told_as_what_it_is(nodes: list[Node]) -> None:
    one, other = nodes
    await one.own(0, 8191)
    await other.own(8192, 16383)
    await one.bus.redis.execute_command(
        "CLUSTER", "MEET", "127.0.0.1", other.server.port, other.gossip
    )
    await eventually(one.serves, timeout_s=20)
    with pytest.raises(UnavailableError, match="2 nodes"):
        await probe(one.bus)
    with pytest.raises(UnavailableError, match=WHAT_WORKS):  # "foo" is in slot 12182
        await one.bus.redis.execute_command("GET", "foo")
    with pytest.raises(UnavailableError, match=WHAT_WORKS):
        await one.bus.redis.execute_command("MGET", "foo", "bar")
