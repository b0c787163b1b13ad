"""Commands from the page: prepared with the server's own summary, committed once with its token.

A token belongs to one session, action and target; that of a resume also to one state revision.
Committing it again returns the first result. A state that has changed answers 409 with a fresh
preparation. What only stops is done however old its confirmation is and whatever has changed
meanwhile. HALT needs no Redis either.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from keter.betting_settings import RiskSettings
from keter.bus.errors import StaleRevisionError
from keter.clock import Clock
from keter.control.base import CommandOutcome, Operator
from keter.control.commands import Control
from keter.control.standing import Standing, resumes_lightly
from keter.dashboard.auth import Authenticator
from keter.dashboard.command_tokens import Token, Tokens
from keter.dashboard.errors import ApiError
from keter.dashboard.models import CommandResult, CommitBody, PrepareBody, Prepared
from keter.dashboard.routes import Principal
from keter.domain.accounts import Account
from keter.domain.limits import checked_limit
from keter.domain.trading import COMMON, CommandAction, TradingMode
from keter.errors import KeterError, UnavailableError, UsageError
from keter.settings import Settings

TOKEN_LASTS_S = 30.0
# Changes the trading state in Redis.
OF_A_STATE = frozenset({"pause", "reduce", "resume"})
# May be about one account alone.
OF_AN_ACCOUNT = OF_A_STATE | {"halt", "set_limit"}
# May start bets, so it is done only to the state that the operator saw.
OF_A_REVISION = frozenset({"resume"})
# Can never lead to more bets.
STOPS = frozenset({"halt", "pause", "reduce", "disarm"})
WORDS = {"resume": "RESUME", "arm": "LIVE", "set_limit": "RAISE"}
Summary = Callable[[PrepareBody, Standing, Decimal | None], str]
Armable = Callable[[], tuple[Account, ...]]


class Commands:
    """The page's way to ``Control``: `prepare`, then `commit`."""

    def __init__(
        self,
        control: Control,
        authenticator: Authenticator,
        clock: Clock,
        describe: Summary,
        settings: Settings,
        armable: Armable,
    ) -> None:
        """Make the way to ``control``. The limits in ``settings`` bound those that are set."""
        self._control = control
        self._authenticator = authenticator
        self._clock = clock
        self._describe = describe
        self._settings = settings
        self._armable = armable
        self._tokens = Tokens(clock)

    async def prepare(self, caller: Principal, body: PrepareBody) -> Prepared:
        """Return a token that is good for 30 s, with a summary of what it would do.

        Raises ApiError 409 when the command makes no sense now, 429 when asked too often. What only
        stops or lowers a limit is never throttled, and does not count.
        """
        limit = await self._limit(body)
        if body.action not in STOPS and not _lowers(body, limit):
            self._tokens.throttle(caller.session)
        return await self._prepare(caller, body, limit)

    async def _prepare(
        self, caller: Principal, body: PrepareBody, limit: Decimal | None
    ) -> Prepared:
        scope = await self._scope(body)
        standing = await self._control.standing(scope)
        _check_possible(body.action, standing)
        needs = [] if _lowers(body, limit) else self._needs(caller, body.action, standing)
        await self._check_armable(body)
        own = standing.own if body.action in OF_A_STATE else None
        revision = own.revision if own is not None else None
        body = body.model_copy(update={"account": scope or None})
        token = self._tokens.add(
            Token(caller.session, body, _seen(standing), needs, self._clock.monotonic(), limit)
        )
        summary = self._describe(body, standing, limit)
        return Prepared.model_validate(
            {
                "token": token,
                "expires_in": TOKEN_LASTS_S,
                "revision": revision,
                "summary": summary,
                "needs": needs,
            }
        )

    async def commit(self, caller: Principal, body: CommitBody, address: str) -> CommandResult:
        """Do the command once and return its result.

        Raises ApiError 410 for a token that is unknown or too old, 409 when the state has moved on,
        403 for a missing proof.
        """
        token = self._tokens.find(body.token, caller.session)
        if token is None:
            raise ApiError(
                410,
                "token_gone",
                "this confirmation is no longer valid; look again and confirm anew",
            )
        async with token.lock:
            if token.result is not None:
                return token.result
            old = self._clock.monotonic() - token.made_s > TOKEN_LASTS_S
            if old and token.body.action not in STOPS:
                raise ApiError(
                    410,
                    "token_gone",
                    "the confirmation took longer than 30 s; look again and confirm anew",
                )
            operator = Operator(f"{caller.name}@{address}", "page")
            await self._require_proofs(token, caller, body, address, operator)
            await self._check_revision(token, caller)
            outcome = await self._perform(token, operator)
            token.result = _result(outcome)
            return token.result

    async def _limit(self, body: PrepareBody) -> Decimal | None:
        """Return the limit in force that ``body`` would change; None for another action.

        Raises ApiError 409 for a value that is not allowed.
        """
        if body.action != "set_limit":
            return None
        try:
            account, bounds = self._bounds_for(body)
            checked_limit(bounds, body.target, body.value or "")
            return await self._control.limit(account, bounds, body.target)
        except UsageError as e:
            raise ApiError(409, "not_now", str(e)) from e

    async def _scope(self, body: PrepareBody) -> str:
        """Return the scope of the account that ``body`` names; COMMON without one.

        Raises ApiError 409 for a wrong name, and for an action that takes none.
        """
        if body.account is not None and body.action not in OF_AN_ACCOUNT:
            raise ApiError(409, "not_now", f"{body.action} takes no account; name it as the target")
        try:
            if body.action == "set_limit":
                return self._bounds_for(body)[0] if body.account is not None else COMMON
            return await self._control.named_scope(body.account or COMMON)
        except UsageError as e:
            raise ApiError(409, "not_now", str(e)) from e

    def _bounds_for(self, body: PrepareBody) -> tuple[str, RiskSettings]:
        """Return the account whose limit ``body`` changes, and the limits in its settings.

        Raises UsageError for an account that is not of the settings.
        """
        account = self._settings.named(body.account or self._settings.account.key)
        return account.key, self._settings.of(account.key).risk

    async def _check_armable(self, body: PrepareBody) -> None:
        """Check for an arming all that LIVE needs, as on the command line.

        Raises ApiError 409 with what is missing.
        """
        if body.action != "arm":
            return
        try:
            # It reads the licence's file.
            accounts = await asyncio.to_thread(self._armable)
        except KeterError as e:
            raise ApiError(409, "not_now", str(e)) from e
        if not any(account.is_called(body.target) for account in accounts):
            raise ApiError(409, "not_now", f"{body.target} is not the account of the settings")

    async def _perform(self, token: Token, operator: Operator) -> CommandOutcome:
        try:
            return await (self._change_trading(token, operator) or self._maintain(token, operator))
        except StaleRevisionError as e:
            raise ApiError(
                409, "state_changed", "the state has changed this very moment; look again"
            ) from e
        except UsageError as e:
            raise ApiError(409, "not_now", str(e)) from e

    def _change_trading(self, token: Token, operator: Operator) -> Awaitable[CommandOutcome] | None:
        """Return the call that stops or starts betting; None for another action."""
        body, control = token.body, self._control
        account = body.account or COMMON
        match body.action:
            case "pause":
                return control.pause(operator, body.reason, for_s=body.for_s, account=account)
            case "reduce":
                return control.reduce(operator, body.reason, account=account)
            case "halt":
                return control.halt(operator, body.reason, account=account)
            case "resume":
                return control.resume(operator, body.reason, seen=token.seen, account=account)
            case "arm":
                return control.arm(operator, body.target, body.reason)
            case "disarm":
                return control.disarm(operator, body.target, body.reason)
        return None

    def _maintain(self, token: Token, operator: Operator) -> Awaitable[CommandOutcome]:
        """Return the call of an action that leaves the trading state alone."""
        body, control = token.body, self._control
        if body.action == "clear_cooldown":
            return control.clear_cooldown(operator, body.target, body.reason)
        if body.action == "clear_lock":
            return control.clear_lock(operator, body.target, body.reason)
        if body.action == "set_limit":
            return control.set_limit(
                operator,
                *self._bounds_for(body),
                body.target,
                body.value or "",
                body.reason,
                expected=token.limit,
            )
        return control.acknowledge(operator, body.target, body.reason)

    def _needs(self, caller: Principal, action: str, standing: Standing) -> list[str]:
        """Return the proofs that a command asks for.

        What an operator paused or reduced is resumed with one press. After a halt or the guard's
        pause every proof is needed.
        """
        if action not in WORDS or (action == "resume" and resumes_lightly(standing)):
            return []
        if action == "arm" and not self._authenticator.has_password:
            raise ApiError(
                403,
                "password_not_set",
                "LIVE is armed here only with DASH_PASSWORD_HASH set; `keter arm` works",
            )
        if not self._authenticator.has_password or self._authenticator.sessions.proved(
            caller.session
        ):
            return ["word"]
        return ["word", "password", *["code"] * self._authenticator.asks_code(caller.role)]

    async def _require_proofs(
        self, token: Token, caller: Principal, body: CommitBody, address: str, operator: Operator
    ) -> None:
        """Check the proofs; audit a command that is refused for a missing or wrong one."""
        try:
            await self._check_proofs(token, caller, body, address)
        except ApiError as e:
            command = token.body
            if e.status == 403:
                await self._control.refused(
                    operator,
                    CommandAction(command.action),
                    command.target,
                    command.reason,
                    e.message,
                )
            raise

    async def _check_proofs(
        self, token: Token, caller: Principal, body: CommitBody, address: str
    ) -> None:
        if "word" in token.needs and (body.word or "").strip() != WORDS[token.body.action]:
            raise ApiError(403, "word_missing", f"type {WORDS[token.body.action]} to confirm")
        if "password" in token.needs:
            if not body.password:
                raise ApiError(403, "password_missing", "enter your password to confirm")
            if "code" in token.needs and not body.code:
                raise ApiError(
                    403, "code_missing", "enter the six digits of your second factor to confirm"
                )
            try:
                await self._authenticator.prove(caller, body.password, body.code, address)
            except ApiError as e:
                # 401 would send the page back to its login, though the session is good.
                raise ApiError(
                    403 if e.status == 401 else e.status,
                    e.code,
                    e.message,
                    retry_after_s=e.retry_after_s,
                ) from e

    async def _check_revision(self, token: Token, caller: Principal) -> None:
        if token.body.action not in OF_A_REVISION:
            return
        standing = await self._control.standing(token.body.account or COMMON)
        if standing.trading is None:
            raise UnavailableError(standing.problem or "Redis is not reachable")
        # A HALT file changes what a resume undoes, but not the revision.
        needs_more = (
            token.body.action == "resume" and not token.needs and not resumes_lightly(standing)
        )
        if needs_more or _seen(standing) != token.seen:
            fresh = await self._prepare(caller, token.body, await self._limit(token.body))
            raise ApiError(
                409,
                "state_changed",
                "the state has changed meanwhile; look again",
                details=fresh.model_dump(),
            )


def _lowers(body: PrepareBody, limit: Decimal | None) -> bool:
    """Return whether ``body`` asks for a limit no higher than ``limit``, the one in force."""
    return limit is not None and body.value is not None and Decimal(body.value) <= limit


def _check_possible(action: str, standing: Standing) -> None:
    mode = standing.mode
    if action in OF_A_STATE and standing.trading is None:
        raise UnavailableError(standing.problem or "Redis is not reachable")
    if action == "pause" and mode is TradingMode.HALTED:
        raise ApiError(409, "not_now", "trading is halted already, which is stronger than a pause")
    if action == "reduce" and mode in {TradingMode.PAUSED, TradingMode.HALTED}:
        raise ApiError(
            409,
            "not_now",
            f"trading is {mode.value.lower()} already, which is stronger than reducing",
        )
    if action != "resume" or standing.ended_by_resume:
        return
    if standing.scope:
        raise ApiError(409, "not_now", f"{standing.scope} is not stopped by a state of its own")
    if mode is TradingMode.ACTIVE and not standing.stops:
        raise ApiError(409, "not_now", "trading is running already")


def _seen(standing: Standing) -> dict[str, int]:
    """Return the revisions of the states that a resume changes, by scope."""
    found = standing.revisions
    return {name: found.get(name, 0) for name in (standing.scope, *standing.ended_by_resume)}


def _result(outcome: CommandOutcome) -> CommandResult:
    return CommandResult(
        command_id=outcome.command.command_id,
        action=outcome.command.action.value,
        sentence=outcome.command.result,
        revision=outcome.revision,
        account=outcome.scope or None,
        audited=outcome.audited,
        warnings=list(outcome.warnings),
    )
