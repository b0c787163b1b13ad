"""An imitation of Redis in a process of its own, for DRY without a server.

    python -m keter.redis_server.imitation --port N

It listens on loopback, keeps nothing, and ends with its standard input or a stop signal.

fakeredis' own connection handler hangs up after every error reply.
It also needs POSIX to read without blocking. Ours does neither.
"""

import argparse
import select
import threading

from fakeredis import TcpFakeServer
from fakeredis._clients._tcp_server import TCPFakeRequestHandler  # private: pinned in pyproject

from keter.bus.errors import translated
from keter.errors import KeterError
from keter.system.addresses import LOOPBACK
from keter.system.process import on_stop_signals, stop_with_parent

STOP_POLL_S = 0.5  # on Windows a signal is seen between two waits only
REPLY_POLL_S = 0.01  # how late the answer to a blocking command may be
READ_BYTES = 1 << 16


class _Handler(TCPFakeRequestHandler):
    """One client's connection."""

    def handle(self) -> None:
        try:
            while not self.server._shutdown_event.is_set() and self._turn():
                pass
        except OSError:  # the client is gone
            return

    def _turn(self) -> bool:
        """Write a reply that is ready, else wait REPLY_POLL_S for the client.

        Return False when the client has hung up.
        """
        if self.current_client.can_read():
            try:
                with translated():
                    reply = self.current_client.read_response()
            except KeterError as e:
                reply = e.__cause__  # fakeredis writes redis-py's errors as Redis does
            self.writer.dump(reply)
            return True
        readable, _, _ = select.select([self.connection], [], [], REPLY_POLL_S)
        if readable:
            data = self.connection.recv(READ_BYTES)
            self.current_client.get_socket().sendall(data)
            return bool(data)
        return True


class _Server(TcpFakeServer):
    block_on_close = False  # connected workers must not delay the end


def serve(port: int, stop: threading.Event) -> None:
    """Serve until ``stop`` is set. Raises OSError when the port is taken."""
    server = _Server((LOOPBACK, port))
    server.RequestHandlerClass = _Handler
    server.daemon_threads = True  # its constructor says otherwise
    thread = threading.Thread(target=server.serve_forever, name="fake-redis", daemon=True)
    thread.start()
    while not stop.wait(STOP_POLL_S):
        pass
    server.shutdown()
    server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m keter.redis_server.imitation", description=__doc__
    )
    parser.add_argument("--port", type=int, required=True, help="TCP port on loopback")
    port: int = parser.parse_args().port
    stop = threading.Event()
    on_stop_signals(stop.set)
    stop_with_parent()
    serve(port, stop)


if __name__ == "__main__":
    main()
