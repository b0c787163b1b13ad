"""The control API for tests: what the bookmaker knows, and switches for faults.

It is not part of the imitated service.
"""

import dataclasses
from typing import Any

import orjson
from aiohttp import web

from keter.venues.asianodds.simulator.book import Ticket
from keter.venues.asianodds.simulator.fixed import FixedScenario
from keter.venues.asianodds.simulator.house import House


class Control:
    """The handlers below ``/sandbox``. They are for programs only: see ``refuse_web_pages``."""

    def __init__(self, house: House) -> None:
        self._house = house

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/sandbox", self.overview)
        router.add_get("/sandbox/tickets", self.tickets)
        router.add_get("/sandbox/accounts", self.accounts)
        router.add_get("/sandbox/faults", self.faults)
        router.add_put("/sandbox/faults", self.replace_faults)
        router.add_post("/sandbox/faults", self.add_faults)
        router.add_delete("/sandbox/faults", self.clear_faults)
        router.add_delete("/sandbox/sessions/{user}", self.end_session)
        router.add_post("/sandbox/results", self.finish)

    async def overview(self, request: web.Request) -> web.Response:
        house = self._house
        now_ms = house.now()
        return _json(
            {
                "now_ms": now_ms,
                "seed": house.config.seed,
                "speed": house.config.speed,
                "rows": len(house.board.rows),
                "tickets": house.book.placed,
                "calls": house.calls,
                "keepalives_too_often": house.sessions.keepalives_too_often,
            }
        )

    async def tickets(self, request: web.Request) -> web.Response:
        """List every ticket, oldest first; ``?account=`` and ``?reference=`` select some."""
        self._house.now()
        reference = request.query.get("reference")
        found = self._house.book.tickets(request.query.get("account"))
        return _json(
            [ticket_facts(t) for t in found if reference is None or t.order.reference == reference]
        )

    async def accounts(self, request: web.Request) -> web.Response:
        self._house.now()
        facts = {
            name: {
                "deposit_minor": a.config.deposit_minor,
                "credit_minor": a.credit_minor,
                "outstanding_minor": a.outstanding_minor,
                "pnl_minor": a.pnl_minor,
                "balanced": a.balanced(),
            }
            for name, a in self._house.book.accounts.items()
        }
        return _json(facts)

    async def faults(self, request: web.Request) -> web.Response:
        return _json(self._house.faults.facts())

    async def replace_faults(self, request: web.Request) -> web.Response:
        """Replace all rules. Body: a list of rules, or ``{"seed": 1, "rules": [...]}``."""
        rules, seed = await _rules(request)
        return self._changed(lambda: self._house.faults.replace(rules, seed))

    async def add_faults(self, request: web.Request) -> web.Response:
        rules, _ = await _rules(request)
        return self._changed(lambda: self._house.faults.add(*rules))

    async def clear_faults(self, request: web.Request) -> web.Response:
        return self._changed(self._house.faults.clear)

    async def end_session(self, request: web.Request) -> web.Response:
        self._house.sessions.kill(request.match_info["user"])
        return _json({"ended": request.match_info["user"]})

    async def finish(self, request: web.Request) -> web.Response:
        """End a match of the fixed scenario.

        Body: ``{"match_id": 1, "score": [2, 1], "half_time": [1, 0], "void": false}``.
        """
        scenario, body = self._house.scenario, await _body(request)
        if not isinstance(scenario, FixedScenario):
            return _json({"error": "only the still world (--fixed) takes results"}, status=409)
        try:
            (home, away), (half_home, half_away) = body["score"], body.get("half_time", (0, 0))
            score, half_time = (int(home), int(away)), (int(half_home), int(half_away))
            scenario.finish(
                int(body["match_id"]), score, half_time, void=bool(body.get("void", False))
            )
        except (AttributeError, KeyError, TypeError, ValueError) as e:
            return _json({"error": f"no such match, or no such result: {e!r}"}, status=400)
        self._house.now()
        return _json({"finished": body["match_id"]})

    def _changed(self, change: Any) -> web.Response:
        try:
            change()
        except (ValueError, TypeError) as e:
            return _json({"error": str(e)}, status=400)
        return _json(self._house.faults.facts())


@web.middleware
async def refuse_web_pages(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuse requests that carry an Origin: a web page must not control the sandbox."""
    if "Origin" in request.headers:
        return web.Response(status=403, text="the sandbox does not talk to web pages")
    response: web.StreamResponse = await handler(request)
    return response


def ticket_facts(ticket: Ticket) -> dict[str, object]:
    """Return a ticket as JSON values; amounts in cents, odds in thousandths."""
    facts = dataclasses.asdict(ticket)
    facts["ticket_id"] = ticket.ticket_id
    return facts


async def _body(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as e:
        raise web.HTTPBadRequest(text="the body is not JSON") from e


async def _rules(request: web.Request) -> tuple[list[dict[str, Any]], int | None]:
    body = await _body(request)
    if isinstance(body, dict):
        return body.get("rules", []), body.get("seed")
    return body, None


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS),
        status=status,
        content_type="application/json",
    )
