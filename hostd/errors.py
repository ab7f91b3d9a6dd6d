"""The tree of failures. Everything hostd raises on purpose is one of these.

HostdError                      500  something broke; what to do is in the text
├── SettingsError                    the environment is wrong: the start is refused
├── RequestError                4xx  the caller can mend it
│   ├── Invalid                 422  names the field
│   │   ├── AmbiguousEntry           lists the scripts that may be meant
│   │   └── WrongPassword            the present one, of who is signed in
│   ├── Unauthorized            401
│   ├── Forbidden               403  a foreign page, a foreign name of this machine, or not one's own
│   ├── UnknownApp              404
│   ├── UnknownRelease          404
│   ├── UnknownUser             404
│   ├── UnknownToken            404
│   ├── Conflict                409
│   ├── TooLarge                413
│   ├── UnsupportedMedia        415
│   └── TooManyRequests         429
├── Unavailable                 503  try again later
│   ├── NoFreePort
│   ├── NoRoom
│   ├── SecretsUnreadable            the key is another one, or a file is broken
│   └── SupervisorUnavailable        supervisord did not answer
├── SupervisorFault                  supervisord answered with a fault
├── DiskFull                    507
├── AppFailed                        carries the Failure that the app's ``error`` shows
└── Interrupted                      a wait ended because something else was asked for meanwhile
"""

from __future__ import annotations

from hostd.models import Failure


class HostdError(Exception):
    """Root of the tree. ``status`` and ``title`` are those of the problem+json answer (RFC 9457)."""

    status = 500
    title = "Internal error"


class SettingsError(HostdError):
    """A setting is unknown or has a bad value; the text is one line that names it."""


class RequestError(HostdError):
    """The request can't be carried out as it is."""

    status = 400
    title = "Bad request"


class Invalid(RequestError):
    """A field of the request is wrong. ``field`` is its name in the form, path or query."""

    status = 422
    title = "Invalid input"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class AmbiguousEntry(Invalid):
    """Several scripts of a bundle, ``candidates``, may be the one to run; or none is at a usual place."""

    def __init__(self, message: str, candidates: tuple[str, ...]) -> None:
        super().__init__("entry", message)
        self.candidates = candidates


class WrongPassword(Invalid):
    """Somebody who is signed in was to prove it again. Not a 401: their session is as good as before."""

    def __init__(self) -> None:
        super().__init__("current", "is not the present password")


class Unauthorized(RequestError):
    """Nobody is signed in, or what was sent to prove it is wrong; ``sign_in`` is the page to do it at."""

    status = 401
    title = "Unauthorized"

    def __init__(self, text: str, sign_in: str = "") -> None:
        super().__init__(text)
        self.sign_in = sign_in


class Forbidden(RequestError):
    """A page of another site asked, the machine was asked under a foreign name, or it takes another role."""

    status = 403
    title = "Forbidden"


class UnknownApp(RequestError):
    """No app has this id."""

    status = 404
    title = "No such app"

    def __init__(self, app_id: str) -> None:
        super().__init__(f"There is no app with the id '{app_id}'. GET /api/apps lists those there are.")


class UnknownRelease(RequestError):
    """The app has no such release (any more)."""

    status = 404
    title = "No such release"

    def __init__(self, app_id: str, number: int) -> None:
        super().__init__(
            f"The app '{app_id}' has no release {number}. GET /api/apps/{app_id}/releases lists those it has."
        )


class UnknownUser(RequestError):
    """No user has this name."""

    status = 404
    title = "No such user"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no user '{name}'. GET /api/users lists those there are.")


class UnknownToken(RequestError):
    """No API token has this id, or it is another's."""

    status = 404
    title = "No such token"

    def __init__(self, token_id: str) -> None:
        super().__init__(f"There is no token '{token_id}'. GET /api/tokens lists those there are.")


class UnknownName(RequestError):
    """The app has no variable, or no secret, of this name."""

    status = 404
    title = "No such name"

    def __init__(self, name: str) -> None:
        super().__init__(f"The app has nothing called {name[:100]!r}.")


class Conflict(RequestError):
    """The id is taken, or the app's state does not allow this now."""

    status = 409
    title = "Conflict"


class TooLarge(RequestError):
    """The body is over the upload limit."""

    status = 413
    title = "Too large"


class UnsupportedMedia(RequestError):
    """The body is not of a type that this call takes."""

    status = 415
    title = "Unsupported media type"


class TooManyRequests(RequestError):
    """Too many wrong tokens at once, or wrong passwords; ``retry_after`` in seconds."""

    status = 429
    title = "Too many attempts"

    def __init__(self, text: str, retry_after: int = 5) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Unavailable(HostdError):
    """Can't be done now; later it may."""

    status = 503
    title = "Unavailable"


class NoFreePort(Unavailable):
    """Every port of the apps' pool is leased or taken by a stranger."""

    title = "No free port"


class NoRoom(Unavailable):
    """One more app would not fit into the memory."""

    title = "No memory left"


class SecretsUnreadable(Unavailable):
    """An app's secrets can't be decrypted."""

    title = "Secrets can't be read"


class SupervisorUnavailable(Unavailable):
    """supervisord did not answer on its socket in time."""

    title = "supervisord does not answer"


class SupervisorEnds(SupervisorUnavailable):
    """supervisord shuts down."""


class SupervisorFault(HostdError):
    """supervisord answered with an XML-RPC fault; ``code`` is one of supervisor/xmlrpc.py ``Faults``."""

    title = "supervisord refused"

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"supervisord: {text} (fault {code})")
        self.code = code


class DiskFull(HostdError):
    """No space is left where the data folder is."""

    status = 507
    title = "Disk full"


class AppFailed(HostdError):
    """An install or a start ended badly; ``failure`` is what people are shown."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Interrupted(HostdError):
    """What was waited for is no longer wanted; the worker looks again at what is."""
