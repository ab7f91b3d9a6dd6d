"""The calls about releases, files and the gallery."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Response
from fastapi.responses import FileResponse, PlainTextResponse

from hostd import bundles
from hostd.api.forms import release_form
from hostd.api.shapes import AppOut, ChangeOut, DiffOut, FileOut, ReleaseDetailOut, ReleaseOut, TemplateOut
from hostd.api.views import Views
from hostd.errors import Invalid, UnknownRelease
from hostd.language import preferred_language
from hostd.layout import ReleaseLayout
from hostd.lifecycle import Lifecycle
from hostd.lifecycle.wanted import Wanted
from hostd.models import App
from hostd.settings import Settings

Id = Annotated[str, Path(description="The app's id", examples=["demo-3f9a2c"], max_length=200)]
Number = Annotated[int, Path(description="The release's number", ge=1, le=10**9)]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "A release is on its way; Location is where to ask for it", "model": AppOut}
}
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}


def _language(accept_language: Annotated[str, Header(include_in_schema=False)] = "") -> str:
    return preferred_language(accept_language)


Language = Annotated[str, Depends(_language)]


class ReleaseApi:
    """Endpoints bound to one lifecycle."""

    def __init__(self, lifecycle: Lifecycle, settings: Settings, views: Views) -> None:
        self._lifecycle = lifecycle
        self._settings = settings
        self._views = views

    def routes(self, form: list[Any]) -> list[tuple[str, str, Any, dict[str, Any]]]:
        """(method, path, call, options) of each."""
        one = "/apps/{app_id}/releases/{number}"
        accepted = {"status_code": 202}
        zipped = {"response_class": FileResponse, "responses": _ZIP}
        plain = {"response_class": PlainTextResponse}
        return [
            ("GET", "/apps/{app_id}/releases", self.list_releases, {}),
            ("POST", "/apps/{app_id}/releases", self.create_release, {**accepted, "dependencies": form}),
            ("GET", one, self.get_release, {}),
            ("GET", f"{one}/bundle", self.get_bundle, zipped),
            ("GET", f"{one}/diff", self.get_diff, {}),
            ("POST", f"{one}/activate", self.activate_release, accepted),
            ("POST", f"{one}/drain", self.drain_release, {}),
            ("GET", "/apps/{app_id}/files", self.list_files, {}),
            ("GET", "/apps/{app_id}/files/{path:path}", self.get_file, plain),
            ("GET", "/gallery", self.list_gallery, {}),
        ]

    def list_releases(self, app_id: Id, language: Language) -> list[ReleaseOut]:
        """Every release that is kept, newest first."""
        app = self._lifecycle.registry.get(app_id)
        numbers = reversed(bundles.numbers(self._lifecycle.layout.app(app_id)))
        return [self._views.release(app, number, language) for number in numbers]

    def create_release(
        self,
        response: Response,
        app_id: Id,
        language: Language,
        wanted: Annotated[Wanted, Depends(release_form)],
    ) -> ReleaseOut:
        """Deploy a new release beside what runs. What is not sent stays as it is."""
        number = self._lifecycle.releases.release(app_id, wanted)
        return self._accepted(response, app_id, number, language)

    def get_release(self, app_id: Id, number: Number, language: Language) -> ReleaseDetailOut:
        """One release: source, resolved dependencies, outcome, install log, files."""
        app, _ = self._found(app_id, number)
        return self._views.detail(app, number, language)

    def get_bundle(self, app_id: Id, number: Number) -> FileResponse:
        """The bundle as uploaded, as a zip; its SHA-256 is the source's ``sha256``."""
        _, release = self._found(app_id, number)
        if not release.archive.is_file():
            raise UnknownRelease(app_id, number)
        return FileResponse(release.archive, media_type="application/zip", filename=f"{app_id}-r{number}.zip")

    def get_diff(
        self,
        app_id: Id,
        number: Number,
        base: Annotated[
            int | None, Query(ge=1, le=10**9, description="Another release; else the one before")
        ] = None,
    ) -> DiffOut:
        """What changed from another release to this one, file by file."""
        _, release = self._found(app_id, number)
        other = self._before(app_id, number) if base is None else base
        _, old = self._found(app_id, other)
        changes = [
            ChangeOut.model_validate({"path": path, "status": status, "diff": diff})
            for path, status, diff in bundles.diff(old, release)
        ]
        return DiffOut(release=number, base=other, files=changes)

    def activate_release(
        self,
        response: Response,
        app_id: Id,
        number: Number,
        language: Language,
        force: Annotated[bool, Query(description="Accept a first page that raises")] = False,
    ) -> ReleaseOut:
        """Go back to a release, or forward again."""
        self._lifecycle.releases.activate(app_id, number, force=force)
        return self._accepted(response, app_id, number, language)

    def drain_release(
        self,
        app_id: Id,
        number: Number,
        language: Language,
        now: Annotated[bool, Query(description="End its open sessions")] = False,
    ) -> AppOut:
        """End a draining release without waiting for its open sessions."""
        if not now:
            self._lifecycle.releases.check_draining(app_id, number)
            raise Invalid("now", "must be true: a release drains by itself, and this ends it at once")
        return self._views.app(self._lifecycle.drain(app_id, number), language)

    def list_files(self, app_id: Id) -> list[FileOut]:
        """The files of the newest release asked for, as uploaded."""
        app = self._lifecycle.registry.get(app_id)
        return self._views.files(app, app.target)

    def get_file(
        self, app_id: Id, path: Annotated[str, Path(description="From the bundle's root", max_length=1000)]
    ) -> PlainTextResponse:
        """The text of a file of the newest release asked for, as uploaded."""
        app = self._lifecycle.registry.get(app_id)
        release = self._lifecycle.layout.app(app_id).release(app.target)
        return PlainTextResponse(bundles.read_text(release, path))

    def list_gallery(self) -> list[TemplateOut]:
        """Apps to begin with: POST /api/apps with ``template``."""
        return [TemplateOut.model_validate(template) for template in bundles.gallery()]

    def _accepted(self, response: Response, app_id: str, number: int, language: str) -> ReleaseOut:
        where = f"{self._settings.public_base}/api/apps/{app_id}/releases/{number}"
        response.headers["Location"] = where
        app, _ = self._found(app_id, number)
        return self._views.release(app, number, language)

    def _found(self, app_id: str, number: int) -> tuple[App, ReleaseLayout]:
        app = self._lifecycle.registry.get(app_id)
        folder = self._lifecycle.layout.app(app_id)
        if number not in bundles.numbers(folder):
            raise UnknownRelease(app_id, number)
        return app, folder.release(number)

    def _before(self, app_id: str, number: int) -> int:
        older = [n for n in bundles.numbers(self._lifecycle.layout.app(app_id)) if n < number]
        if not older:
            raise Invalid("base", "is needed: there is no release before this one")
        return older[-1]
