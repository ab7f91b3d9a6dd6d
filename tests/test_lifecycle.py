"""The life of an app, on the real thing."""

from __future__ import annotations

import httpx

from hostd.lifecycle.draining import GRACE
from tests.platform import HELLO, Platform, assert_problem, until

BYE = b"import streamlit as st\nst.title('bye')\n"


def test_create_runs_and_delete_leaves_nothing(platform: Platform) -> None:
    """A created app installs, runs and answers through the gateway; a deleted one is gone from everywhere."""
    app_id = platform.create("life")
    app = platform.wait(app_id, "running")
    assert platform.serves(app_id)
    assert app["port"] in platform.pool
    assert app["pid"] == platform.pid(f"{app_id}.r1")
    assert app["access_url"] == f"{platform.url}/apps/{app_id}/"
    assert app["streamlit_version"]
    assert platform.api.delete(f"/apps/{app_id}").json() == {"deleted": True, "app_id": app_id}
    assert_problem(platform.api.get(f"/apps/{app_id}"), 404)
    assert app_id not in platform.supervisorctl("status")
    assert not [p for p in (platform.data / "apps").iterdir() if app_id in p.name]
    assert not list((platform.data / "supervisor" / "apps").glob(f"*{app_id}*"))


def test_stop_start_restart_are_idempotent(platform: Platform) -> None:
    """Stop, start and restart do what they say, once or twice."""
    app_id = platform.running("steps")
    for _ in range(2):
        stopped = platform.api.post(f"/apps/{app_id}/stop").json()
        assert (stopped["status"], stopped["pid"], stopped["port"]) == ("stopped", None, None)
    assert not platform.serves(app_id)
    for _ in range(2):
        assert platform.api.post(f"/apps/{app_id}/start").status_code == 200
    first = platform.wait(app_id, "running")["pid"]
    assert platform.api.post(f"/apps/{app_id}/start").json()["pid"] == first
    assert platform.api.post(f"/apps/{app_id}/restart").json()["status"] == "starting"
    assert platform.wait(app_id, "running")["pid"] != first
    platform.api.delete(f"/apps/{app_id}")


def test_update_serves_new_code_without_an_install(platform: Platform) -> None:
    """A new app.py is deployed beside the old one, with the venv of before, and nobody sees a gap."""
    app_id = platform.running("update")
    before = platform.app(app_id)
    answer = platform.api.patch(f"/apps/{app_id}", data={"name": "renamed"}, files={"app": ("app.py", BYE)})
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["name"]) == ("running", "renamed")
    assert (answer.json()["release"], answer.json()["deploying"]["release"]) == (1, 2)
    steps = []
    while (app := platform.app(app_id))["deploying"]:
        assert app["status"] == "running"
        assert platform.serves(app_id)
        steps.append(app["deploying"]["step"])
    order = ["waiting", "installing", "starting", "first_session", "switching"]
    assert [order.index(step) for step in steps] == sorted(order.index(step) for step in steps)
    assert "installing" not in steps
    after = platform.app(app_id)
    assert after["release"] == 2
    assert after["name"] == "renamed"
    assert after["app_sha256"] != before["app_sha256"]
    assert after["pid"] != before["pid"]
    assert platform.logs(app_id).count("install: release") == 2  # begins, is complete: once each
    assert platform.api.get(f"/apps/{app_id}/files/app.py").content == BYE
    until(lambda: platform.app(app_id)["draining"] == [], GRACE + 30)
    assert f"{app_id}.r1 " not in platform.supervisorctl("status")
    platform.api.delete(f"/apps/{app_id}")


def test_failed_update_leaves_what_ran_running(platform: Platform) -> None:
    """Requirements that can't be installed: the error is shown, the old release goes on, undisturbed."""
    app_id = platform.running("unharmed")
    before = platform.app(app_id)
    bad = {"requirements": ("requirements.txt", b"streamlit\nno-such-package-of-hostd==9.9\n")}
    assert platform.api.patch(f"/apps/{app_id}", files=bad).status_code == 202
    after = until(lambda: (app := platform.app(app_id))["error"] and app, 120)
    assert (after["status"], after["release"], after["deploying"]) == ("running", 1, None)
    assert after["error"]["kind"] == "resolve_failed"
    assert "no-such-package-of-hostd" in after["error"]["message"]
    assert "no-such-package-of-hostd" in after["error"]["log_tail"]
    assert after["error"]["advice"]
    assert (after["pid"], after["requirements_sha256"]) == (before["pid"], before["requirements_sha256"])
    failed = platform.api.get(f"/apps/{app_id}/releases/2").json()
    assert (failed["state"], failed["error"]) == ("failed", after["error"])
    assert "no-such-package-of-hostd" in failed["install_log"]
    assert platform.serves(app_id)
    platform.api.delete(f"/apps/{app_id}")


def test_failed_first_install_says_why_and_can_be_mended(platform: Platform) -> None:
    """A first install that fails ends as failed; a PATCH with better requirements brings the app up."""
    app_id = platform.create("mend", requirements=b"streamlit==0.0.0.1\n")
    app = platform.wait(app_id, "failed")
    assert app["error"]["kind"] == "resolve_failed"
    assert (app["pid"], app["release"], app["deploying"]) == (None, None, None)
    platform.api.patch(f"/apps/{app_id}", files={"requirements": ("requirements.txt", b"streamlit\n")})
    after = platform.wait(app_id, "running")
    assert (after["error"], after["release"]) == (None, 2)
    platform.api.delete(f"/apps/{app_id}")


def test_files_beside_the_code_survive_an_update(platform: Platform) -> None:
    """What an app wrote into its working directory is there after a deploy, a failed one included."""
    app_id = platform.running("keeper")
    releases = platform.data / "apps" / app_id / "releases"
    (releases / "1" / "bundle" / "rows.db").write_text("42 rows")
    platform.api.patch(f"/apps/{app_id}", files={"app": ("app.py", BYE)})
    platform.wait(app_id, "running")
    assert (releases / "2" / "bundle" / "rows.db").read_text() == "42 rows"
    assert platform.api.get(f"/apps/{app_id}/releases/2").json()["strategy"] == "replace"
    breaking = {"files": (".streamlit/config.toml", b'[theme]\nbase = "gone.toml"\n')}
    platform.api.patch(f"/apps/{app_id}", files=breaking)
    error = until(lambda: platform.app(app_id)["error"], 90)
    assert error["kind"] == "crashed"
    assert platform.wait(app_id, "running")["release"] == 2
    assert (releases / "2" / "bundle" / "rows.db").read_text() == "42 rows"
    assert not (releases / "3" / "bundle" / "rows.db").exists()
    assert platform.serves(app_id)
    platform.api.delete(f"/apps/{app_id}")


def test_requirements_decide_the_version(platform: Platform) -> None:
    """The requirements' own streamlit is what runs; it is not replaced by the newest."""
    app_id = platform.running("pinned", requirements=b"streamlit==1.50.0\n", timeout=200)
    assert platform.app(app_id)["streamlit_version"] == "1.50.0"
    platform.api.delete(f"/apps/{app_id}")


def test_links_point_at_the_active_release(platform: Platform) -> None:
    """app.py and venv in the app's folder are those of the release that serves."""
    app_id = platform.running("links")
    folder = platform.data / "apps" / app_id
    assert (folder / "app.py").read_bytes() == HELLO
    assert (folder / "venv" / "bin" / "streamlit").exists()
    assert (folder / "meta.json").stat().st_mode & 0o777 == 0o600
    platform.api.delete(f"/apps/{app_id}")


def test_pages_while_it_installs_and_when_it_is_stopped(platform: Platform) -> None:
    """Browsers get a page of ours with 503, other clients a problem with Retry-After."""
    app_id = platform.running("pages")
    platform.api.post(f"/apps/{app_id}/stop")
    url = f"{platform.url}/apps/{app_id}/"
    page = httpx.get(url, headers={"Accept": "text/html", "Accept-Language": "zh-CN"}, trust_env=False)
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert 'lang="zh' in page.text
    assert_problem(httpx.get(url, headers={"Accept": "application/json"}, trust_env=False), 503)
    unknown = httpx.get(f"{platform.url}/apps/nobody-000000/", headers={"Accept": "*/*"}, trust_env=False)
    assert_problem(unknown, 404)
    platform.api.delete(f"/apps/{app_id}")
