"""The calls about people: sessions, users, passwords, API tokens, the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Form, Path, Query, Request, Response

from hostd.api.forms import emptied_fields
from hostd.api.people_shapes import (
    AuditOut,
    DeletedTokenOut,
    DeletedUserOut,
    SessionOut,
    SignedOutOut,
    TokenOut,
    UserOut,
    act_out,
    session_out,
    token_out,
    user_out,
)
from hostd.api.rules import Address, Calling
from hostd.errors import Conflict, Forbidden, Invalid
from hostd.people import Opened
from hostd.people.users import check_name
from hostd.person import Caller, Means, Role, Scope
from hostd.signing import Signing

Name = Annotated[str, Path(description="A user's name", max_length=200)]
Secret = Annotated[str, Form(description="10 to 1000 characters", json_schema_extra={"format": "password"})]
_OF_BROWSERS = ("sec-fetch-site", "sec-fetch-mode", "origin")
"""Headers that pages can neither leave out nor forge; in plain http from elsewhere only the last comes."""


@dataclass(frozen=True, slots=True)
class PeopleApi:
    """The calls, bound to one Signing."""

    signing: Signing
    public_base: str

    def routes(self, form: list[Any]) -> list[tuple[str, str, Any, dict[str, Any]]]:
        """Method, path, call and what FastAPI is told beside."""
        made = {"status_code": 201, "dependencies": form}
        return [
            ("POST", "/session", self.sign_in, made),
            ("GET", "/session", self.get_session, {}),
            ("DELETE", "/session", self.sign_out, {}),
            ("GET", "/users", self.list_users, {}),
            ("POST", "/users", self.create_user, made),
            ("GET", "/users/{user}", self.get_user, {}),
            ("PATCH", "/users/{user}", self.update_user, {"dependencies": form}),
            ("DELETE", "/users/{user}", self.delete_user, {}),
            ("PUT", "/users/{user}/password", self.set_password, {"dependencies": form}),
            ("GET", "/tokens", self.list_tokens, {}),
            ("POST", "/tokens", self.create_token, made),
            ("DELETE", "/tokens/{token_id}", self.delete_token, {}),
            ("GET", "/audit", self.list_audit, {}),
        ]

    # Sessions

    def sign_in(
        self,
        request: Request,
        response: Response,
        address: Address,
        name: Annotated[str, Form(description="A user's name")],
        password: Annotated[str, Form(json_schema_extra={"format": "password"})],
    ) -> SessionOut:
        """Open a session: its bearer is ``token``. Browsers sign in at /sign-in, and get no cookie here."""
        opened = self.signing.password(name, password, address)
        if not any(header in request.headers for header in _OF_BROWSERS):
            set_cookies(response, self.signing, opened)
        caller = self.signing.people.caller(opened.console.encode())
        if caller is None:
            raise Conflict("The session has been ended already. Sign in again.")
        return self._session(caller).model_copy(update={"token": opened.console, "seconds": opened.seconds})

    def get_session(self, caller: Calling) -> SessionOut:
        """Who you are here, and by what right."""
        return self._session(caller)

    def _session(self, caller: Caller) -> SessionOut:
        known = caller.means in (Means.SESSION, Means.TOKEN)
        return session_out(caller, self.signing.people.source(caller.person.name) if known else None)

    def sign_out(self, response: Response, caller: Calling) -> SignedOutOut:
        """End the session whose bearer this is: everything that its sign-in opened."""
        if caller.means is not Means.SESSION:
            raise Conflict("There is no session to end: you came without one.")
        self.signing.people.sign_out(caller.key)
        for field in self.signing.people.cookies.cleared():
            response.headers.append("Set-Cookie", field)
        return SignedOutOut(signed_out=True)

    # Users

    def list_users(self) -> list[UserOut]:
        """Every user, by name."""
        return [user_out(user) for user in self.signing.people.users()]

    def create_user(
        self,
        *,
        request: Request,
        response: Response,
        name: Annotated[str, Form(description="a-z 0-9 . _ @ + -")],
        password: Secret,
        role: Annotated[Role, Form()] = Role.VIEWER,
        email: Annotated[str, Form()] = "",
    ) -> UserOut:
        """A new user. The first one must be an admin where there is no admin token."""
        request.state.about = {"user": name, "role": role}
        made = self.signing.people.add(name, role, password, email)
        response.headers["Location"] = f"{self.public_base}/api/users/{made.name}"
        return user_out(made)

    def get_user(self, user: Name) -> UserOut:
        """One user."""
        return user_out(self.signing.people.user(user))

    def update_user(
        self,
        *,
        request: Request,
        user: Name,
        emptied: Annotated[frozenset[str], Depends(emptied_fields)],
        role: Annotated[Role | None, Form()] = None,
        email: Annotated[str | None, Form()] = None,
        disabled: Annotated[bool | None, Form()] = None,
    ) -> UserOut:
        """Change a user. Another role ends their sessions; disabling ends sessions and tokens."""
        changes: dict[str, Any] = {"role": role, "email": email, "disabled": disabled}
        changes = {key: value for key, value in changes.items() if value is not None}
        if "email" in emptied:
            changes["email"] = ""
        if not changes:
            raise Invalid("role", "send at least one of role, email, disabled")
        request.state.about = {key: str(value) for key, value in changes.items()}
        return user_out(self.signing.people.change(user, **changes))

    def delete_user(self, user: Name) -> DeletedUserOut:
        """Take a user away, with sessions and tokens. Their apps stay; an admin gives them to somebody."""
        self.signing.people.remove(user)
        return DeletedUserOut(deleted=True, name=user)

    def set_password(
        self,
        user: Name,
        caller: Calling,
        address: Address,
        password: Secret,
        current: Annotated[str, Form(description="The present one, of your own account")] = "",
    ) -> UserOut:
        """A new password: one's own by the present one, or anybody's for an admin. It ends the sessions."""
        if user == caller.person.name:
            self.signing.check_password(user, current, address)
        elif not caller.is_admin:
            raise Forbidden("Only admins may set somebody else's password.")
        self.signing.people.set_password(user, password)
        return user_out(self.signing.people.user(user))

    # API tokens

    def list_tokens(
        self, caller: Calling, everybodys: Annotated[bool, Query(description="Admins: of all users")] = False
    ) -> list[TokenOut]:
        """Your API tokens, oldest first."""
        if everybodys and not caller.is_admin:
            raise Forbidden("Only admins may list everybody's tokens.")
        return [
            token_out(each) for each in self.signing.people.tokens(None if everybodys else caller.person.name)
        ]

    def create_token(
        self,
        *,
        request: Request,
        caller: Calling,
        label: Annotated[str, Form(description="What it is for; 1 to 100 characters")],
        scope: Annotated[Scope, Form(description="read, deploy or admin")] = Scope.DEPLOY,
        days: Annotated[int | None, Form(ge=1, le=3650, description="Until it expires; else never")] = None,
        user: Annotated[str | None, Form(description="Admins: whose it is, if not yours")] = None,
    ) -> TokenOut:
        """A new API token, its value shown this once."""
        whose = caller.person.name if user is None else check_name(user)
        if whose != caller.person.name and not caller.is_admin:
            raise Forbidden("Only admins may make tokens for others.")
        if whose == caller.person.name and caller.means in (Means.OPEN, Means.ADMIN_TOKEN):
            raise Invalid("user", "is needed: you are no user, so say whose the token is")
        value, token = self.signing.people.add_token(whose, label, scope, days)
        request.state.about = {"token_id": token.token_id, "user": whose, "scope": scope}
        return token_out(token).model_copy(update={"token": value})

    def delete_token(
        self, caller: Calling, token_id: Annotated[str, Path(max_length=100)]
    ) -> DeletedTokenOut:
        """Take a token away: yours, or as an admin anybody's. It opens nothing from now on."""
        self.signing.people.remove_token(token_id, None if caller.is_admin else caller.person.name)
        return DeletedTokenOut(deleted=True, token_id=token_id)

    # The audit log

    def list_audit(
        self,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: Annotated[
            int | None, Query(ge=0, le=2**53, description="As the answer before gave it")
        ] = None,
    ) -> AuditOut:
        """Who did what, newest first: every change and sign-in, and what was refused to whom."""
        acts, older = self.signing.audit.read(limit, cursor)
        return AuditOut(acts=[act_out(each) for each in acts], cursor=older)


def set_cookies(response: Response, signing: Signing, opened: Opened) -> None:
    """Hand a browser both cookies of a session."""
    cookies = signing.people.cookies
    response.headers.append("Set-Cookie", cookies.set_view(opened.view, opened.seconds))
    response.headers.append("Set-Cookie", cookies.set_console(opened.console, opened.seconds))
