"""What an app finds in its environment and in st.secrets: variables, and secrets, which nobody else can read.

Variables are the ``environment`` of the release's options. A change of either is a release, which must pass
the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Form, Path, Response
from pydantic import BaseModel

from hostd.api.forms import checked_environment, emptied_fields, environment_of, who
from hostd.api.releases import ACCEPTED, Id
from hostd.errors import Invalid, UnknownName
from hostd.lifecycle import Lifecycle
from hostd.lifecycle.wanted import Wanted
from hostd.scrubbing import can_scrub
from hostd.vault import parse, tables

Name = Annotated[str, Path(description="The variable's name", max_length=200)]
Dotted = Annotated[
    str, Path(description="Such as token, or database.password for one in a table", max_length=200)
]
Emptied = Annotated[frozenset[str], Depends(emptied_fields)]


def _sent(emptied: frozenset[str], field: str, text: str | None) -> str:
    """An empty text counts here, one that was not sent doesn't. Raises Invalid."""
    if text is None and field not in emptied:
        raise Invalid(field, "is required")
    return text or ""


def _value(emptied: Emptied, value: Annotated[str | None, Form(description="A text")] = None) -> str:
    return _sent(emptied, "value", value)


def _toml(
    emptied: Emptied,
    secrets: Annotated[str | None, Form(description="The text of a secrets.toml: all there are")] = None,
) -> str:
    return _sent(emptied, "secrets", secrets)


Value = Annotated[str, Depends(_value)]
By = Annotated[str, Depends(who)]


class VariablesOut(BaseModel):
    """An app's environment, as far as people set it."""

    app_id: str
    variables: dict[str, str]


class SecretOut(BaseModel):
    """One secret, without its value. ``in_environment``: it is an environment variable as well.

    ``scrubbed``: taken out of logs; what is shorter than six characters, true or false is not.
    """

    name: str
    in_environment: bool
    scrubbed: bool


class SecretsOut(BaseModel):
    """An app's secrets, as far as anybody but the app is told."""

    app_id: str
    secrets: list[SecretOut]


@dataclass(frozen=True, slots=True)
class VariablesApi:
    """The calls, bound to one lifecycle."""

    lifecycle: Lifecycle
    public_base: str

    def routes(self, form: list[Any]) -> list[tuple[str, str, Any, dict[str, Any]]]:
        """(method, path, call, options) of each."""
        variables, secrets = _accepted(VariablesOut), _accepted(SecretsOut)
        sent = {"dependencies": form}
        return [
            ("GET", "/apps/{app_id}/variables", self.list_variables, {}),
            ("PUT", "/apps/{app_id}/variables", self.set_variables, sent | variables),
            ("PUT", "/apps/{app_id}/variables/{name}", self.set_variable, sent | variables),
            ("DELETE", "/apps/{app_id}/variables/{name}", self.delete_variable, variables),
            ("GET", "/apps/{app_id}/secrets", self.list_secrets, {}),
            ("PUT", "/apps/{app_id}/secrets", self.set_secrets, sent | secrets),
            ("PUT", "/apps/{app_id}/secrets/{name}", self.set_secret, sent | secrets),
            ("DELETE", "/apps/{app_id}/secrets", self.delete_secrets, secrets),
            ("DELETE", "/apps/{app_id}/secrets/{name}", self.delete_secret, secrets),
        ]

    def list_variables(self, app_id: Id) -> VariablesOut:
        """The app's variables."""
        app = self.lifecycle.registry.get(app_id)
        return VariablesOut(app_id=app_id, variables=dict(app.options.environment))

    def set_variables(
        self,
        response: Response,
        app_id: Id,
        by: By,
        environment: Annotated[str, Form(description="A JSON object of names and texts: all there are")],
    ) -> VariablesOut:
        """Set all variables. 202 when that makes a release, which is deployed."""
        return self._variables(
            response, app_id, Wanted(options={"environment": environment_of(environment)}, by=by)
        )

    def set_variable(self, response: Response, app_id: Id, name: Name, value: Value, by: By) -> VariablesOut:
        """Set one variable. 202 when that makes a release, which is deployed."""

        def change(before: Mapping[str, str]) -> Mapping[str, str]:
            return checked_environment({**before, name: value})

        return self._variables(response, app_id, Wanted(variables=change, by=by))

    def delete_variable(self, response: Response, app_id: Id, name: Name, by: By) -> VariablesOut:
        """Take one variable away. 202: that makes a release, which is deployed."""
        return self._variables(
            response, app_id, Wanted(variables=lambda before: _without(before, name), by=by)
        )

    def list_secrets(self, app_id: Id) -> SecretsOut:
        """The names of the app's secrets. Their values are told to nobody but the app."""
        app = self.lifecycle.registry.get(app_id)
        secrets = self.lifecycle.releases.vault.secrets(app_id, app.target)
        return SecretsOut(app_id=app_id, secrets=[_described(*one) for one in sorted(secrets.items())])

    def set_secrets(
        self,
        response: Response,
        app_id: Id,
        by: By,
        secrets: Annotated[str, Depends(_toml)],
    ) -> SecretsOut:
        """Set all secrets. 202 when that makes a release, which is deployed."""
        made = parse(secrets)
        return self._secrets(response, app_id, Wanted(secrets=lambda _: made, all_secrets=True, by=by))

    def set_secret(self, response: Response, app_id: Id, name: Dotted, value: Value, by: By) -> SecretsOut:
        """Set one secret to a text. 202 when that makes a release, which is deployed."""

        return self._secrets(response, app_id, Wanted(secrets=lambda before: {**before, name: value}, by=by))

    def delete_secret(self, response: Response, app_id: Id, name: Dotted, by: By) -> SecretsOut:
        """Take one secret away. 202: that makes a release, which is deployed."""
        return self._secrets(response, app_id, Wanted(secrets=lambda before: _without(before, name), by=by))

    def delete_secrets(self, response: Response, app_id: Id, by: By) -> SecretsOut:
        """Take all secrets away. 202 when that makes a release, which is deployed."""
        return self._secrets(response, app_id, Wanted(secrets=lambda _: {}, all_secrets=True, by=by))

    def _variables(self, response: Response, app_id: str, wanted: Wanted) -> VariablesOut:
        self._deploy(response, app_id, wanted)
        return self.list_variables(app_id)

    def _secrets(self, response: Response, app_id: str, wanted: Wanted) -> SecretsOut:
        self._deploy(response, app_id, wanted)
        return self.list_secrets(app_id)

    def _deploy(self, response: Response, app_id: str, wanted: Wanted) -> None:
        number = self.lifecycle.releases.update(app_id, None, wanted)[1]
        if number is not None:
            response.status_code = 202
            response.headers["Location"] = f"{self.public_base}/api/apps/{app_id}/releases/{number}"


def _accepted(model: type[BaseModel]) -> dict[str, Any]:
    return {"responses": {202: {**ACCEPTED[202], "model": model}}}


def _described(name: str, value: Any) -> SecretOut:
    return SecretOut(name=name, in_environment=tables.variable(name, value), scrubbed=can_scrub(value))


def _without(before: Mapping[str, Any], name: str) -> dict[str, Any]:
    if name not in before:
        raise UnknownName(name)
    return {key: value for key, value in before.items() if key != name}
