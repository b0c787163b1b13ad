"""What can go wrong between Keter and Redis, by what the caller must do.

No error of redis-py leaves the package. With exit codes:

| error | code | what it means, and what to do |
| --- | --- | --- |
| ConnectionLostError | 69 | no answer: the command may have run. Repeat no step; reopen the pipe |
| BusDeniedError | 69 | the password or the rights of the Redis user do not allow it |
| BusRefusedError | 75 | refused before the first write (memory full): wait, then repeat the call |
| LeaseLostError | 75 | another owner has what was ours: drop all items, reopen the pipe |
| NotOwnerError | 75 | this Redis is another run's: wait until it is ours |
| StaleRevisionError | 75 | the state was changed in between: read again, decide again |
| BusDataError | 70 | a key holds what it must not hold, or Redis does not know a command |
| PoisonedPayloadError | 70 | a payload does not decode: dead letter |
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis.exceptions as redis_errors

from keter.errors import KeterError, RetryLaterError, UnavailableError

ONE_NODE = (
    "Keter needs a single server, or a cluster of one node that owns every slot: its scripts use"
    " many keys at once, and it follows no redirection, nor a fail-over by Sentinel"
)
_REFUSED = re.compile(
    r"\b(OOM|READONLY|NOREPLICAS|MISCONF|BUSY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN)\b"
)
RIGHTS = "give its user every command and key: ACL SETUSER <user> ~* &* +@all"


class ConnectionLostError(UnavailableError):
    """The connection failed or the answer did not come.

    The command may have run, or may still run later.
    """


class BusDeniedError(UnavailableError):
    """The password is wrong, or the Redis user lacks a right."""


class BusRefusedError(RetryLaterError):
    """Redis refused a write before the first change: nothing happened.

    ``word`` is the server's error code, such as OOM.
    """

    def __init__(self, message: str, word: str = "") -> None:
        super().__init__(message)
        self.word = word


class LeaseLostError(RetryLaterError):
    """The lease expired or was revoked: what it protected may have another owner."""


class NotOwnerError(LeaseLostError):
    """This Redis, under this prefix, belongs to another run of Keter."""


class StaleRevisionError(RetryLaterError):
    """The state has changed since the decision was based on it."""


class BusDataError(KeterError):
    """Redis holds a wrong type, or did not understand the command."""


class PoisonedPayloadError(KeterError):
    """Bytes from Redis do not decode as what they should be."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of redis-py, raised within the block, into ours."""
    try:
        yield
    except redis_errors.NoPermissionError as e:
        raise BusDeniedError(f"Redis refused us: {e}; {RIGHTS}") from e
    except redis_errors.AuthenticationError as e:
        raise BusDeniedError(f"Redis refused us: {e}; check REDIS_URL or REDIS_PASSWORD") from e
    except (
        redis_errors.ConnectionError,
        redis_errors.TimeoutError,
        redis_errors.InvalidResponse,
    ) as e:
        raise ConnectionLostError(f"no answer from Redis: {e}") from e
    except (
        redis_errors.MovedError,
        redis_errors.AskError,
        redis_errors.ClusterCrossSlotError,
    ) as e:
        raise UnavailableError(
            f"this Redis is one node of a cluster and the key belongs to another; {ONE_NODE}"
        ) from e
    except redis_errors.OutOfMemoryError as e:
        raise BusRefusedError(f"Redis refuses to write: {e}", "OOM") from e
    except redis_errors.ReadOnlyError as e:
        raise BusRefusedError(f"Redis refuses to write: {e}", "READONLY") from e
    except redis_errors.ResponseError as e:
        raise _sorted(e) from e


def translated_answer(answer: Any) -> Any:
    """Return the answer to one command of a batch, an error of redis-py as ours."""
    if not isinstance(answer, redis_errors.RedisError):
        return answer
    try:
        with translated():
            raise answer
    except (KeterError, redis_errors.RedisError) as e:
        return e


def _sorted(error: redis_errors.ResponseError) -> KeterError:
    # Redis 6.2 wraps the error that a script returns, so its code may be anywhere in the text.
    text = str(error)
    if "LEASELOST" in text:
        return LeaseLostError("the lease is gone; another owner may have taken over")
    if "NOPERM" in text or "ACL failure" in text:
        return BusDeniedError(f"Redis refused us: {text}; {RIGHTS}")
    if (refused := _REFUSED.search(text)) is not None:
        return BusRefusedError(f"Redis refuses for the moment: {text}", refused.group(1))
    return BusDataError(f"Redis answered with an error: {text}")
