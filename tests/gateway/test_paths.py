"""Where a path leads is decided once."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.gateway.paths import Kind, locate
from hostd.gateway.refusal import Refused

PREFIX = b"/tools/st"


@pytest.mark.parametrize(
    ("path", "kind", "app_id", "rest"),
    [
        (b"/", Kind.HOME, "", None),
        (b"/console", Kind.CONSOLE, "", None),
        (b"/console/", Kind.CONSOLE, "", b""),
        (b"/console/static/a.js", Kind.CONSOLE, "", b"static/a.js"),
        (b"/apps/x", Kind.APP, "x", None),
        (b"/apps/x/", Kind.APP, "x", b""),
        (b"/apps/x/media/a%20b.png", Kind.APP, "x", b"media/a%20b.png"),
        (b"/apps/x/%E6%8A%A5%E8%A1%A8", Kind.APP, "x", b"%E6%8A%A5%E8%A1%A8"),
        (b"/apps/x/a%2Fb//c", Kind.APP, "x", b"a%2Fb//c"),
        (b"/apps/x/...", Kind.APP, "x", b"..."),
        (b"/apps/x/a..b/.c", Kind.APP, "x", b"a..b/.c"),
        (b"/apps", Kind.PLAIN, "", None),
        (b"/apps/", Kind.PLAIN, "", None),
        (b"/consoles/", Kind.PLAIN, "", None),
        (b"/api/apps/x", Kind.PLAIN, "", None),
    ],
)
def test_paths_lead_where_they_read(path: bytes, kind: Kind, app_id: str, rest: bytes | None) -> None:
    """A path leads to the same place with the public prefix and, where a proxy took it off, without."""
    for whole, prefix in ((path, b""), (path, PREFIX), (PREFIX + path, PREFIX)):
        place = locate(whole, prefix)
        assert (place.kind, place.app_id, place.rest, place.local) == (kind, app_id, rest, path)


def test_prefix_is_taken_off_whole_segments_only() -> None:
    """A path that only begins like the prefix keeps its beginning."""
    assert locate(b"/tools/stx/apps/y/", PREFIX).kind is Kind.PLAIN
    assert locate(b"/tools/st", PREFIX).kind is Kind.HOME


@pytest.mark.parametrize(
    "path",
    [
        *(b"//apps/x/", b"/apps//x/", b"/apps/x%2fy", b"/apps/x%2f", b"/%61pps/x/", b"/apps/%78/"),
        *(b"/%2fapps/x/", b"/apps%2fx/", b"/api/../apps/x/", b"/apps/x/../y/", b"/apps/x/%2e%2E/y/"),
        *(b"/apps/x/..%2fy", b"/apps/x/a%00", b"/apps/x\\y/", b"/apps/x/a\\b", b"/apps/x/..%5c..", b"/."),
        *(b"/apps/x/#y", b"/tools/st//apps/x/", b"/tools%2fst/apps/x/", b"/conso%6ce/", b"/apps/./x/"),
    ],
)
def test_two_readings_are_refused(path: bytes) -> None:
    """Dot segments, NUL, backslash and encodings that change the route are answered with 400."""
    with pytest.raises(Refused) as refused:
        locate(path, PREFIX)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "rest",
    [
        *(b"_stcore/metrics", b"_stcore/script-health-check", b"_stcore%2fmetrics", b"%5fstcore/metrics"),
        *(b"/_stcore//metrics/", b"_STCORE/metrics", b"_stcore/m%65trics"),
    ],
)
def test_endpoints_for_operators_are_hidden(rest: bytes) -> None:
    """No spelling that an app would decode reaches its metrics or runs its script."""
    assert locate(b"/apps/x/" + rest, b"").hidden


def test_other_endpoints_are_not_hidden() -> None:
    """Health, and pages that are called alike, stay reachable."""
    assert not locate(b"/apps/x/_stcore/health", b"").hidden
    assert not locate(b"/apps/x/metrics", b"").hidden


PIECES = st.sampled_from(
    [
        b"/",
        b"apps",
        b"x",
        b"console",
        b"..",
        b".",
        b"%2f",
        b"%2e",
        b"%00",
        b"\\",
        b"%61pps",
        b"tools/st",
        b"api",
    ]
)


@given(
    st.lists(PIECES, max_size=9).map(lambda pieces: b"/" + b"".join(pieces)), st.sampled_from([b"", PREFIX])
)
def test_decoding_never_changes_the_place(path: bytes, prefix: bytes) -> None:
    """Whatever is not refused leads to the same app before and after percent-decoding."""
    try:
        place = locate(path, prefix)
    except Refused:
        return
    try:
        decoded = locate(unquote_to_bytes(path), prefix)
    except Refused:
        assert b"%" in (place.rest or place.local)  # only what is behind the id may be encoded at all
        return
    assert (decoded.kind, decoded.app_id) == (place.kind, place.app_id)
