"""The exception tree, grouped by who must act.

KeterError
├── UsageError            64  the command line asked for something that does not exist
├── UnavailableError      69  something we need (Redis, a port, the ledger) is not there
├── RetryLaterError       75  temporary: the same call may work later
├── PermissionDeniedError 77  licence, arming or operator permission is missing
├── ConfigurationError    78  the operator must fix a setting: restarting does not help
├── IllegalTransitionError 70 a bet was moved to a state that its life does not allow: a bug
└── PricingError          70  (see ``keter.domain.odds`` and ``keter.pricing``)
    ├── IncompleteMarketError
    ├── InvalidOddsError
    ├── NoSolutionError
    ├── TooFewSourcesError
    └── SpreadTooWideError

Anything else that escapes is a bug (70). Exit codes follow sysexits.h.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a Keter command returns to the shell."""

    OK = 0
    USAGE = 64
    UNAVAILABLE = 69
    BUG = 70
    RETRY_LATER = 75
    PERMISSION = 77
    CONFIGURATION = 78


class KeterError(Exception):
    """Base of every error Keter raises on purpose.

    The message says what was wrong, where, and what to do.
    """

    exit_code: ExitCode = ExitCode.BUG


class UsageError(KeterError):
    exit_code = ExitCode.USAGE


class UnavailableError(KeterError):
    exit_code = ExitCode.UNAVAILABLE


class RetryLaterError(KeterError):
    exit_code = ExitCode.RETRY_LATER


class PermissionDeniedError(KeterError):
    exit_code = ExitCode.PERMISSION


class ConfigurationError(KeterError):
    exit_code = ExitCode.CONFIGURATION


class IllegalTransitionError(KeterError):
    """A state machine was asked for a step that it does not have."""


class PricingError(KeterError):
    """A price cannot be turned into a number that may be traded on."""


class IncompleteMarketError(PricingError):
    """A leg is missing, or there are fewer legs than the market kind declares."""


class InvalidOddsError(PricingError):
    """Odds that are NaN, infinite, not above 1 in decimal, or outside their format."""


class NoSolutionError(PricingError):
    """The method yields a probability outside (0, 1) or does not converge."""


class TooFewSourcesError(PricingError):
    """Fewer books price the market than a consensus needs."""


class SpreadTooWideError(PricingError):
    """The books of a consensus disagree by more than is allowed."""
