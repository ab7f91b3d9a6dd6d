"""uvicorn's HTTP protocol, which keeps our own routes and takes the apps' requests for itself."""

from __future__ import annotations

from time import monotonic

from hostd.gateway.affinity import ASLEEP, Target, choose
from hostd.gateway.asset import Asset
from hostd.gateway.console import ConsolePage, opens_page, refused
from hostd.gateway.exchange import Exchange
from hostd.gateway.hand_over import HandedOver
from hostd.gateway.head import MAX_HEAD, Field, Head, upstream_head
from hostd.gateway.keeper import ANYBODY, Sight
from hostd.gateway.page import Page, generation, is_page
from hostd.gateway.pages import Answer, Trouble, problem, redirect, sleeping_health
from hostd.gateway.paths import GENERATION, Kind, Place, locate
from hostd.gateway.refusal import Refused
from hostd.gateway.repeating import Repeating
from hostd.gateway.shared import Gateway
from hostd.gateway.shared_file import SharedFile
from hostd.gateway.squeezed import Squeezed, squeezes
from hostd.gateway.turns import Reply, Turn
from hostd.gateway.unchanged import Unchanged, is_ordinary, ordinary
from hostd.gateway.upgrade import Upgrade
from hostd.models import Route, Status

_SHARED, _CONSOLE = Kind.SHARED, Kind.CONSOLE
"""Until Python 3.12 a member's name is looked up by a call (enum.property)."""


class GatewayProtocol(Repeating):
    """Decides whose each request is. ``protocol_class`` makes the class for a server."""

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        """A request begins. uvicorn's scope is made later, and for our own routes only."""
        if self._deaf:
            raise Refused(400, "This connection is being closed.")
        self.url = b""
        self._fields = []
        self._in_head = True
        self._deadline = None  # the head gets its own
        self._plain_websocket = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or a trailer, which nobody will look at (RFC 9110 section 6.5.1 allows that)."""
        self._fields.append((name.lower(), name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: decide whose request it is."""
        self._in_head = False
        fields, self._fields = self._fields, []
        if self._unread > MAX_HEAD or self._heads:
            self._check_size(fields)
        self._unread = 0
        self._unset_keepalive_if_required()
        parser = self.parser
        version, upgrade = parser.get_http_version(), parser.should_upgrade()
        keep_alive = parser.should_keep_alive()
        head = Head(parser.get_method(), self.url, version, fields, upgrade=upgrade, keep_alive=keep_alive)
        self._heads += 1
        self._last_head = head
        place = self._place(head)
        if place.kind is Kind.PLAIN:
            self._plain(head, place)
        else:
            self._enqueue(self._turn(head, place))

    def _check_size(self, fields: list[Field]) -> None:
        """So much was read since the last body's end, or behind another head, that it may be too long."""
        size = len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for _, name, value in fields)
        if size > MAX_HEAD:
            raise Refused(431, "The head is over 64 kB.")

    def on_body(self, body: bytes) -> None:
        """A piece of the request's body."""
        self._unread = 0
        if isinstance(self.cycle, Turn):
            self.cycle.feed(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unread = 0
        if self._plain_websocket:
            return
        if isinstance(self.cycle, Turn):
            self.cycle.end_of_body()
        else:
            super().on_message_complete()

    # Whose request it is

    def _place(self, head: Head) -> Place:
        hosts = self.gateway.keeper.hosts
        if hosts is not None:
            return hosts.locate(head)
        return locate(head.target.partition(b"?")[0], self.gateway.prefix)

    def _plain(self, head: Head, place: Place) -> None:
        """Our own routes: uvicorn's business from here on."""
        question, query = head.target.partition(b"?")[1:]
        super().on_message_begin()
        self.url = place.local + question + query
        self.headers.extend((low, value) for low, _, value in head.fields)
        self.expect_100_continue = head.get(b"expect").lower() == b"100-continue"
        self._plain_websocket = head.upgrade and self._should_upgrade()
        if self._plain_websocket and self.cycle is not None and not self.cycle.response_complete:
            raise Refused(400, "An upgrade can't be asked for before the last answer has come.")
        super().on_headers_complete()

    def _turn(self, head: Head, place: Place) -> Turn:
        """The apps' and the console's: one exchange, or an answer of our own."""
        if place.kind is _SHARED:
            return self._shared(head, place.rest or b"")
        if place.kind is _CONSOLE:
            return self._console(head, place)
        route = self.gateway.lookup().apps.get(place.app_id)
        if route is not None and place.ordinary and is_ordinary(head, route, self.gateway):
            target = Target(place.app_id, route, route.port or ASLEEP)
            return ordinary(self, head, place, target, self._request(head, place, whole=False))
        sight = self._sight(head, place, route)
        answer = sight if isinstance(sight, Answer) else self._own_answer(head, place, route)
        if answer is not None or route is None or isinstance(sight, Answer):
            return self._reply(head, answer or self.gateway.pages.for_route(head, 404, None, None))
        return self._passed_on(head, place, route, self.gateway.keeper.lines(sight, route))

    def _sight(self, head: Head, place: Place, route: Route | None) -> Sight | Answer:
        """What the keeper says to a request for an app."""
        keeper = self.gateway.keeper
        if keeper.hosts is not None:
            elsewhere = keeper.hosts.moved(head, place) or keeper.hosts.strange(head, place)
            if elsewhere is not None:
                return elsewhere
        if route is not None and (route.access is not None or place.link):
            return keeper.ask(head, place, route)
        return ANYBODY

    def _passed_on(self, head: Head, place: Place, route: Route, told: bytes) -> Turn:
        """One exchange with the app, which is ``told`` who looks."""
        if not place.pings:
            self.gateway.seen[place.app_id] = monotonic()
        page = is_page(head, place, route)
        target = choose(self.gateway.sessions, self.gateway.loads, head, place, route, page=page)
        if target is None:
            return self._nowhere(head, route)
        request = self._request(head, place, whole=page, more=told)
        kind = Page if page else Asset if target.others else self._kind(head, place, target)
        return kind(self, head, place, target, request, keep_alive=head.keep_alive)

    def _kind(self, head: Head, place: Place, target: Target) -> type[Exchange]:
        if head.websocket:
            return HandedOver if self.gateway.hand_over.wanted(self, head, place, target) else Upgrade
        return Squeezed if squeezes(head, place) else Unchanged

    def _console(self, head: Head, place: Place) -> Turn:
        route = self.gateway.lookup().console
        answer = self._own_answer(head, place, route) or refused(
            head, place, self.gateway.options.is_one_sign_in
        )
        if answer is not None:
            return self._reply(head, answer)
        target = choose(self.gateway.sessions, self.gateway.loads, head, place, route, page=False)
        if target is None:
            return self._nowhere(head, route)
        page = opens_page(head, place)
        request = self._request(head, place, whole=page)
        kind = ConsolePage if page else Squeezed if squeezes(head, place) else Exchange
        return kind(self, head, place, target, request, keep_alive=head.keep_alive)

    def _request(self, head: Head, place: Place, *, whole: bool, more: bytes = b"") -> bytes:
        host = b"" if head.lines or head.get(b"host") else self._local_host()
        path, console = self.gateway.prefix + place.local, place.kind is _CONSOLE
        return upstream_head(head, path, self.forwarding, host, whole=whole, console=console, more=more)

    def _nowhere(self, head: Head, route: Route) -> Reply:
        trouble = None if route.port is None else Trouble.FULL
        return self._reply(head, self.gateway.pages.for_route(head, 503, route, trouble))

    def _own_answer(self, head: Head, place: Place, route: Route | None) -> Answer | None:
        """What no app is asked for."""
        if place.rest is None:
            base = b"/console" if place.kind is Kind.HOME else place.local
            question, query = head.target.partition(b"?")[1:]
            return redirect(b"%b%b/%b%b" % (self.gateway.prefix, base, question, query))
        if place.hidden:
            return problem(404, "There is nothing here for visitors.")
        if route is None:
            return None
        if route.port is None:
            if place.wrong_base:
                return self.gateway.pages.for_route(head, 404, route, None)
            return sleeping_health() if place.pings and route.status is Status.SLEEPING else None
        return generation(place, route) if place.rest == GENERATION else None

    def _local_host(self) -> bytes:
        host, port = self.server or ("localhost", None)
        return f"{host}:{port}".encode() if port else b"localhost"

    def _shared(self, head: Head, path: bytes) -> Turn:
        found = self.gateway.statics.find(head, path)
        if isinstance(found, Answer):
            return self._reply(head, found)
        return SharedFile(self, head, found, keep_alive=_stays(head))

    def _reply(self, head: Head, answer: Answer) -> Reply:
        keep = _stays(head)
        return Reply(self, head, self._encode(head, answer, close=not keep), keep_alive=keep)


def _stays(head: Head) -> bool:
    """Whether the connection is in step after an answer that did not wait for a body."""
    return head.keep_alive and not head.has_body and not head.websocket


def protocol_class(gateway: Gateway) -> type[GatewayProtocol]:
    """The class to hand to ``uvicorn.Config(http=…)``."""
    return type("BoundGatewayProtocol", (GatewayProtocol,), {"gateway": gateway})
