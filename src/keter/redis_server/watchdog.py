"""End the private Redis when the supervisor is gone.

This file is run by itself, with the standard library only, to stay small:

    python -I -S redis_server/watchdog.py GRACE_S

The supervisor writes the server's process id to standard input, one line for each start.
When standard input ends, the workers get GRACE_S seconds to write down what they hold.
Then the last server named is terminated, which makes it save and end.
The supervisor ends this process before it stops the server itself.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial


def main(grace_s: float) -> None:
    """Read process ids until the end of standard input, wait, terminate the last one."""
    terminate = _nothing
    for line in sys.stdin:
        terminate = _terminator(int(line))
    time.sleep(grace_s)
    try:
        terminate()
    except OSError:  # it has ended already
        return


def _nothing() -> None:
    """Do nothing: no server was named."""


def _terminator(pid: int) -> Callable[[], None]:
    """Return a call that terminates ``pid``.

    On Linux it never terminates another process that got this number later.
    """
    call = partial(os.kill, pid, signal.SIGTERM)
    if sys.platform == "linux":
        call = partial(signal.pidfd_send_signal, os.pidfd_open(pid), signal.SIGTERM)
    return call


if __name__ == "__main__":
    main(float(sys.argv[1]))
