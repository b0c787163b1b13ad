"""The endpoints of the other screens: orders, signals, risk, health, alerts and more."""

import asyncio
from datetime import timedelta
from pathlib import Path

from aiohttp import web
from pydantic import BaseModel

from keter.dashboard import models
from keter.dashboard.accounts import AccountConsole
from keter.dashboard.alert_views import Tester
from keter.dashboard.app_context import AppContext
from keter.dashboard.configview import config_view
from keter.dashboard.health import disk_facts, disk_with_days, licence_text, store_row
from keter.dashboard.logtail import read_tail, workers
from keter.dashboard.performance import by_group, grouping, settled_only, summarise
from keter.dashboard.riskview import audit_row, names_of, risk_view
from keter.dashboard.routes import Call, Route, Scope
from keter.dashboard.rules.table import RULES, rule_row
from keter.dashboard.views import order_row, pnl_series
from keter.domain.order_states import SETTLED
from keter.domain.orders import Order
from keter.domain.trading import ExecutionMode
from keter.ledger import OrderFilter
from keter.plain import csv_lines

MOST_SUMMED = 10_000
AUDIT_ROWS = 100
AUDIT_EXPORT = 10_000
ORDER = r"{intent_id:[\w-]{1,40}}"


class Screens:
    """The handlers. See `routes` for what each does."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._tester = Tester(context.alerting.dispatcher, context.clock)

    def routes(self) -> list[Route]:
        read = Scope.READ
        return [
            Route("GET", "/api/v1/orders", read, self.orders, "Bets, newest first", models.Orders,
                  query=models.OrdersQuery, errors=(404,)),
            Route("GET", "/api/v1/orders.csv", read, self.csv, "The same as CSV",
                  query=models.OrdersQuery, media="text/csv", errors=(404,)),
            Route("GET", f"/api/v1/orders/{ORDER}", read, self.order, "A bet and its trail",
                  models.OrderTrail, query=models.AccountQuery),
            Route("GET", "/api/v1/signals", read, self.signals, "Funnel, verdicts",
                  models.Signals, query=models.SignalsQuery),
            Route("GET", "/api/v1/risk", read, self.risk, "Limits, open risk, commands",
                  models.Risk, query=models.AccountQuery),
            Route("GET", "/api/v1/audit.csv", read, self.audit_csv, "The newest commands as CSV",
                  media="text/csv"),
            Route("GET", "/api/v1/health", read, self.health, "Workers, queues, feeds, checks",
                  models.Health, query=models.AccountQuery),
            Route("GET", "/api/v1/alerts", read, self.alerts, "Alerts and their history",
                  models.Alerts),
            Route("POST", "/api/v1/alerts/test", Scope.OPERATE, self.test_alert,
                  "Send a test alert to every channel", models.TestAlertResult,
                  body=models.TestAlertBody),
            Route("GET", "/api/v1/performance", read, self.performance,
                  "What was settled, summed up", models.Performance,
                  query=models.PerformanceQuery),
            Route("GET", "/api/v1/logs", read, self.logs, "The newest log lines", models.Logs,
                  query=models.LogsQuery),
            Route("GET", "/api/v1/config", read, self.config,
                  "Effective settings, without secrets", models.Config),
        ]  # fmt: skip

    def _of(self, call: Call) -> AccountConsole:
        """Return the console of the account that the call is about. Raises ApiError 404."""
        return self._context.accounts.of(call.query_as(models.AccountQuery).account)

    async def orders(self, call: Call) -> BaseModel:
        return await self._of(call).records.orders(call.query_as(models.OrdersQuery))

    async def csv(self, call: Call) -> web.StreamResponse:
        """Stream all orders that match, a page of the ledger at a time.

        A ledger that fails on the way cuts the transfer off.
        """
        pages = self._of(call).records.matching(call.query_as(models.OrdersQuery))
        first: list[Order] = await anext(pages, [])
        answer = web.StreamResponse(
            headers={"Content-Disposition": 'attachment; filename="keter-orders.csv"'}
        )
        answer.content_type, answer.charset = "text/csv", "utf-8"
        await answer.prepare(call.request)
        await answer.write(csv_lines([list(models.BetRow.model_fields)]))
        await answer.write(csv_lines(map(_cells, first)))
        async for bets in pages:
            await answer.write(csv_lines(map(_cells, bets)))
        await answer.write_eof()
        return answer

    async def order(self, call: Call) -> BaseModel:
        return await self._of(call).records.trail(call.request.match_info["intent_id"])

    async def signals(self, call: Call) -> BaseModel:
        console = self._of(call)
        items = await console.records.signals(call.query_as(models.SignalsQuery))
        return models.Signals(funnel=(await console.hub.fresh()).funnel, items=items)

    async def risk(self, call: Call) -> BaseModel:
        console = self._of(call)
        facts = await console.reader.facts()
        commands = await (await console.records.ledger()).commands.recent(AUDIT_ROWS)
        return risk_view(
            facts,
            console.settings,
            await console.reader.holds(names_of(facts)),
            [audit_row(command) for command in commands],
        )

    async def audit_csv(self, call: Call) -> web.StreamResponse:
        commands = await (await self._context.accounts.first.records.ledger()).commands.recent(
            AUDIT_EXPORT
        )
        rows = [audit_row(command).model_dump(mode="json").values() for command in commands]
        body = csv_lines([list(models.AuditRow.model_fields), *map(list, rows)])
        headers = {"Content-Disposition": 'attachment; filename="keter-audit.csv"'}
        return web.Response(body=body, headers=headers, content_type="text/csv", charset="utf-8")

    async def health(self, call: Call) -> BaseModel:
        context, console = self._context, self._of(call)
        latest = await console.hub.newest()
        rooms = await context.storage.rooms()
        return models.Health(
            checks=await console.reader.checks(),
            workers=latest.workers if latest else [],
            queues=latest.queues if latest else [],
            feeds=latest.feeds if latest else [],
            redis=latest.redis if latest else models.RedisFacts(ok=False, detail="never reached"),
            disk=disk_with_days(disk_facts(context.settings.mode.data_dir), rooms),
            storage=[store_row(room) for room in rooms],
            licence=await asyncio.to_thread(licence_text, context.settings, context.clock),
            problems=[*(latest.problems if latest else []), *await console.reader.missing_books()],
        )

    async def alerts(self, call: Call) -> BaseModel:
        common = self._context.accounts.first
        notices = (await common.hub.fresh()).attention
        history = await (await common.records.ledger()).alerts.history(AUDIT_ROWS)
        return models.Alerts(
            active=[notice for notice in notices if notice.acknowledged_by is None],
            acknowledged=[notice for notice in notices if notice.acknowledged_by is not None],
            history=[
                models.AlertHistory(
                    id=row.alert_id,
                    level=row.level,
                    title=row.title,
                    detail=row.detail,
                    opened_at=row.opened_at,
                    closed_at=row.closed_at,
                )
                for row in history
            ],
            rules=[rule_row(rule) for rule in RULES],
        )

    async def test_alert(self, call: Call) -> BaseModel:
        return await self._tester.send(call.caller().name)

    async def performance(self, call: Call) -> BaseModel:
        query, console = call.query_as(models.PerformanceQuery), self._of(call)
        account = console.settings.account
        mode = ExecutionMode(query.mode) if query.mode is not None else account.mode
        now = self._context.clock.now()
        since = now - timedelta(days=query.days)
        # The simulator's account bets in DEMO alone, and no other does: all others are meant then.
        same = (mode is ExecutionMode.DEMO) == (account.mode is ExecutionMode.DEMO)
        key = account.key if same else None
        chosen = OrderFilter(mode=mode, account=key, states=SETTLED, settled_since=since)
        found = await (await console.records.ledger()).orders.list_orders(chosen, limit=MOST_SUMMED)
        bets = settled_only(found)
        points = sorted((bet.settled_at or bet.updated_at, bet.pnl_minor or 0) for bet in bets)
        return models.Performance(
            mode=mode.value,
            days=query.days,
            by=query.by,
            total=summarise("all", bets),
            rows=by_group(bets, grouping(query.by, console.settings.mode.zone)),
            series=pnl_series(points, points[0][0] if points else since),
            truncated=len(found) == MOST_SUMMED,
        )

    async def logs(self, call: Call) -> BaseModel:
        folder = Path(self._context.settings.mode.data_dir) / "logs"
        items = await asyncio.to_thread(read_tail, folder, call.query_as(models.LogsQuery))
        return models.Logs(workers=workers(folder), items=items)

    async def config(self, call: Call) -> BaseModel:
        licence = await asyncio.to_thread(licence_text, self._context.settings, self._context.clock)
        return config_view(self._context.settings, self._context.pages, licence)


def _cells(bet: Order) -> list[object]:
    return list(order_row(bet).model_dump(mode="json").values())
