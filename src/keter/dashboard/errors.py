"""What the API answers when it refuses: a stable code for programs, a sentence for people."""

from http import HTTPStatus

from keter.errors import KeterError


class ApiError(KeterError):
    """An answer other than 2xx.

    ``retry_after_s`` becomes a Retry-After header; ``details`` are JSON values.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_s: float | None = None,
        details: object = None,
    ) -> None:
        super().__init__(message)
        self.status = HTTPStatus(status)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        self.details = details


def not_found(what: str) -> ApiError:
    """Return the error for something that does not exist."""
    return ApiError(404, "not_found", f"{what} does not exist")
