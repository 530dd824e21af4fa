"""The line between the two workers of a pair: a byte hands over the turn, a record tells of the warm-up."""

from __future__ import annotations

import os
import struct

from bench.measure.warmup import WarmUp

_WARM_UP = struct.Struct("=qddd")
_GO, _STOP = b"g", b"s"


class PartnerLost(RuntimeError):  # noqa: N818  -- a state of affairs, found on the side that still lives
    """The other worker of the pair ended before the measurement did, or is ``late`` with its turn."""

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


class Link:
    """One end of a socket pair, by its descriptor. Reading waits for the other side.

    Where the socket has a time-out (SO_RCVTIMEO, socket(7)), it waits no longer than that.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def go(self) -> None:
        """Hand over the turn."""
        self._send(_GO)

    def stop(self) -> None:
        """Tell the other side that there is no further turn."""
        self._send(_STOP)

    def wait(self) -> bool:
        """Wait for the turn; False when there is none any more. PartnerLost when the other side ended."""
        return self._receive(1) == _GO

    def tell(self, warm: WarmUp) -> None:
        """Send what warming up showed."""
        self._send(_WARM_UP.pack(warm.calls, warm.call_s, warm.cpu_share, warm.waits))

    def hear(self) -> WarmUp:
        """What warming up showed on the other side."""
        return WarmUp(*_WARM_UP.unpack(self._receive(_WARM_UP.size)))

    def _send(self, data: bytes) -> None:
        try:
            os.write(self._descriptor, data)
        except OSError as error:
            raise PartnerLost("the other side of the pair ended") from error

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                chunk = os.read(self._descriptor, size - len(data))
            except BlockingIOError as error:
                raise PartnerLost(
                    "the other side of the pair did not hand over in time", late=True
                ) from error
            except OSError:
                chunk = b""
            if not chunk:
                raise PartnerLost("the other side of the pair ended")
            data += chunk
        return data
