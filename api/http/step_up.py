"""Step-up: what is hard to undo asks for a recent proof of identity, declared beside the action: `@stepped_up`."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from rest_framework.request import Request

from api.http.authentication import session, signed_in
from users.errors import StepUpRequired
from users.services import step_up

Action = TypeVar("Action", bound=Callable[..., Any])


@dataclass(frozen=True)
class Sends:
    """The condition that a request's body has a field, with this value if one is named."""

    field: str
    value: Any = ...

    def holds(self, request: Request) -> bool:
        """Return whether the request meets the condition."""
        data = request.data
        return isinstance(data, dict) and self.field in data and self.value in (..., data[self.field])

    def __str__(self) -> str:
        return f"with `{self.field}`" if self.value is ... else f"with `{self.field}: {self.value}`"


def stepped_up(action: Action) -> Action:
    """Answer 403 `step_up_required` unless the session's user has proven who they are in the last ten minutes."""
    return _declared(action, None)


def stepped_up_when(condition: Sends) -> Callable[[Action], Action]:
    """Ask for the recent proof only where the request meets the condition."""
    return lambda action: _declared(action, condition)


def _declared(action: Action, condition: Sends | None) -> Action:
    @functools.wraps(action)
    def checked(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        user = signed_in(request)
        if not session(request).fresh and (condition is None or condition.holds(request)):
            raise StepUpRequired(methods=step_up.methods(user=user))
        return action(view, request, *args, **kwargs)

    when = f" {condition}" if condition else ""
    checked.step_up = f"Asks for a recent proof of identity{when}"  # type: ignore[attr-defined]  # read by the schema
    return checked  # type: ignore[return-value]  # called as the action is
