"""Users: who can sign in, and what each may do. For admins; on an open hostd it makes the first one."""

from __future__ import annotations

import secrets

import streamlit as st

from console.client import ApiError, Refused
from console.desk import Desk, heading, plain, tell
from console.people import ROLES, User

ICONS = {"admin": "shield_person", "publisher": "upload", "viewer": "visibility"}


def show(desk: Desk) -> None:
    """The page."""
    users = desk.ask(desk.hostd.users)
    with st.container(horizontal=True, vertical_alignment="center"):
        heading(desk.say("users"))
        st.space("stretch")
        if st.button(desk.say("user_new"), icon=":material/person_add:", type="primary", key="user_new"):
            st.session_state["editing"] = ""
    if not users:
        st.info(desk.say("users_none"), icon=":material/lock_open:")
    with st.container(border=bool(users), key="users"):
        for user in users:
            _row(desk, user)
    _dialog(desk, users)


def _row(desk: Desk, user: User) -> None:
    with st.container(key=f"row_user_{user.name}"):
        name, role, source, actions = st.columns([4, 2, 3, 1], vertical_alignment="center")
        name.markdown(f"**{plain(user.name)}** {plain(user.email)}")
        colour = "gray" if user.disabled else "blue"
        text = desk.say("user_disabled") if user.disabled else desk.say(f"role_{user.role}")
        role.markdown(f":{colour}-badge[:material/{ICONS.get(user.role, 'person')}: {text}]")
        source.caption(desk.say(f"user_from_{user.source}"))
        with actions:
            chosen = st.menu_button(
                ":material/more_vert:", _choices(user), key=f"more_user:{user.name}", type="tertiary",
                format_func=desk.say, help=desk.say("more"),
            )  # fmt: skip
    if chosen in {"user_disable", "user_enable"}:
        disabled = str(chosen == "user_disable").lower()
        desk.do(desk.say("working"), lambda: desk.hostd.change_user(user.name, disabled=disabled))
        st.rerun()
    elif chosen:
        st.session_state.update(editing=user.name, edit=chosen)


def _choices(user: User) -> list[str]:
    local = ["user_role", "user_password"] if user.source == "local" else []
    return [*local, "user_enable" if user.disabled else "user_disable", "user_delete"]


def _dialog(desk: Desk, users: list[User]) -> None:
    """What was asked for, as long as it is open: the page may be drawn again before it is answered."""
    editing = st.session_state.get("editing")
    if editing is None:
        return
    found = next((user for user in users if user.name == editing), None)
    if found is None:
        st.dialog(desk.say("user_new"), on_dismiss=_keep)(_new)(desk)
    else:
        edit = st.session_state["edit"]
        st.dialog(desk.say(edit), on_dismiss=_keep)(_EDITS[edit])(desk, found)


def _keep() -> None:
    st.session_state.pop("editing", None)


def _new(desk: Desk) -> None:
    say = desk.say
    with st.form("user_form", border=False):
        name = st.text_input(say("user_name"), autocomplete="off", help=say("user_name_help"))
        email = st.text_input(say("user_email"), autocomplete="off")
        role = st.selectbox(say("user_role"), ROLES, format_func=lambda each: say(f"role_{each}"))
        password = _password(desk)
        sent = st.form_submit_button(say("user_add"), type="primary")
    if sent:
        fields = {"name": name, "email": email, "role": role, "password": password}
        _save(desk, lambda: desk.hostd.add_user(**fields), say("user_added", name=plain(name)))


def _password(desk: Desk) -> str:
    """A field with a good password in it already, to be handed over."""
    made = st.session_state.setdefault("made_password", secrets.token_urlsafe(12))
    text, hint = desk.say("user_password"), desk.say("user_password_help")
    return str(st.text_input(text, value=made, autocomplete="new-password", help=hint))


def _role(desk: Desk, user: User) -> None:
    say = desk.say
    role = st.selectbox(
        say("user_role"), ROLES, index=ROLES.index(user.role), format_func=lambda each: say(f"role_{each}")
    )
    st.caption(say("user_role_text"))
    if st.button(say("save"), type="primary", key="user_save"):
        _save(
            desk,
            lambda: desk.hostd.change_user(user.name, role=role),
            say("user_saved", name=plain(user.name)),
        )


def _new_password(desk: Desk, user: User) -> None:
    password = _password(desk)
    st.caption(desk.say("user_password_text"))
    if st.button(desk.say("save"), type="primary", key="user_save"):
        done = desk.say("user_saved", name=plain(user.name))
        _save(desk, lambda: desk.hostd.set_password(user.name, password), done)


def _delete(desk: Desk, user: User) -> None:
    st.write(desk.say("user_delete_text", name=f"**{plain(user.name)}**"))
    if st.button(desk.say("user_delete"), type="primary", key="user_save"):
        done = desk.say("user_deleted", name=plain(user.name))
        _save(desk, lambda: desk.hostd.delete_user(user.name), done)


_EDITS = {"user_role": _role, "user_password": _new_password, "user_delete": _delete}


def _save(desk: Desk, work: object, done: str) -> None:
    assert callable(work)  # noqa: S101 - for the type checker
    try:
        work()
    except Refused as error:
        st.error(desk.say("refused", detail=plain(str(error))))
        return
    except ApiError:
        st.rerun()  # a dialog is a fragment: the frame around the page says what is wrong
    _keep()
    st.session_state.pop("made_password", None)
    tell(done, ":material/check_circle:")
    st.rerun()
