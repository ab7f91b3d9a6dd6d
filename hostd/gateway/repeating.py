"""What was asked before on a connection is not read again: neither by the parser, nor by the rules."""

from __future__ import annotations

from hostd.gateway.head import Head
from hostd.gateway.paths import Kind, Place
from hostd.gateway.reading import Reading
from hostd.gateway.refusal import Refused
from hostd.gateway.turns import Turn
from hostd.gateway.unchanged import Ordinary, ordinary


class Repeating(Reading):
    """Adds to a visitor's connection that requests repeat each other, wholly or but for the first line."""

    def _repeat(self, data: bytes) -> bool:
        """Whether ``data`` is a request for an app or the console whose fields were read before."""
        if self.flow.write_paused:
            return False
        turn = self._same(data) or self._similar(data)
        if turn is None:
            return False
        self._deadline = None
        self.cycle = self._running = turn  # nothing is before it
        turn.more_body = False
        turn.start()
        return True

    def _same(self, data: bytes) -> Turn | None:
        """The turn of a request that was asked before, byte for byte, of a route that is still the same."""
        asked = self._repeats.asked.get(data)
        if asked is None:
            return None
        head, place, target, request = asked
        if self.gateway.lookup().apps.get(place.app_id) is not target.route:
            return None
        return ordinary(self, head, place, target, request)

    def _similar(self, data: bytes) -> Turn | None:
        """The turn of a request in which all but the first line was read before."""
        head = self._repeats.find(data)
        if head is None:
            return None
        try:
            place = self._place(head)
        except Refused:
            return None
        if place.kind is Kind.PLAIN:
            return None
        turn = self._turn(head, place)
        if isinstance(turn, Ordinary):
            self._repeats.keep_asked(data, turn)
        return turn

    def _place(self, head: Head) -> Place:
        """Where a request leads. Raises Refused."""
        raise NotImplementedError

    def _turn(self, head: Head, place: Place) -> Turn:
        """What is done for a request that is not for our own routes."""
        raise NotImplementedError
