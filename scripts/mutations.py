#!/usr/bin/env python3
"""Takes one safety mechanism out at a time, in a copy of the tree, and shows that a test notices.

    scripts/mutations.py            every mutation
    scripts/mutations.py fence ...  those whose name contains one of the words

A mutation that no test notices is printed as SURVIVED and makes the exit code 1.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("src", "tests", "pyproject.toml", "README.md", "LICENSE", ".env.example", "docs")
TIMEOUT_S = 1200


class Mutation(NamedTuple):
    """In ``file`` the text ``old`` becomes ``new``; one of the ``tests`` must then fail.

    ``holds`` is the promise, as docs/architecture.md lists them, and ``mechanism`` what is taken
    out.
    """

    name: str
    holds: str
    mechanism: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


ONCE = "One decision, at most one bet"
GATE = "Risk sits at one gate"
DRY = "DRY unless LIVE is asked for"
FRESH = "Stale is never traded"
REPLAY = "Every decision can be replayed"
RUN = "One run, one configuration, one owner"
REDIS = "Redis may vanish"
BOUNDED = "Nothing grows without bound"
SECRETS = "No secret gets out"
HALT = "A halt is true or says that it is not"
SILENCE = "Nothing fails in silence"

OWNING = "tests/integration/test_ownership.py"
RUNS = "tests/integration/test_guard_runs.py"
COPY = "tests/integration/test_second_copy.py"
AGAIN = "tests/unit/execution/test_placement_checks.py"
LIFE = "tests/faults/test_bet_life.py"
TOGETHER = "tests/integration/test_execution.py"
GUARD = "tests/integration/test_guard.py"
RECONCILING = "tests/integration/test_reconciliation.py"
BOOK = "tests/integration/test_bus_risk.py"
QUEUES = "tests/integration/test_bus_queues.py"
PLACING = "tests/unit/execution/test_placing.py"
LEDGER = "tests/unit/ledger/test_bets.py"
SPOILT_ENV = "tests/integration/test_stopping_without_settings.py"
PAGE_COMMANDS = "src/keter/dashboard/commands.py"
TEST_PAGE_COMMANDS = "tests/integration/dashboard/test_commands.py"
CATCHING_UP = "tests/integration/test_catching_up.py"
TRUST = "tests/unit/test_trust.py"
AUTH = "tests/unit/dashboard/test_auth.py"
FEED_BOUNDS = "tests/unit/venues/asianodds/test_bounds.py"
SIZES = "tests/integration/test_care.py"
QUESTIONS = "tests/unit/ledger/test_questions.py"
TRANSPORT = "tests/unit/venues/asianodds/test_transport.py"
LISTINGS = "tests/unit/supervision/test_instances.py"
SPOILT = "tests/unit/venues/asianodds/test_fuzz.py"
TICKETS = "tests/unit/venues/asianodds/test_tickets.py"
DATABASES = "tests/integration/ledger/test_fuzz.py"
LOOSE = "src/keter/venues/asianodds/lenient_json.py"
BET_ROWS = "src/keter/venues/asianodds/tickets.py"
RECONCILER = "src/keter/execution/reconcile/reconciler.py"
INSTANCES = "src/keter/supervision/instances.py"
ROUTING = "src/keter/execution/placing.py"
PLACEMENT_GATE = "src/keter/execution/placement_checks.py"
BET_STEPS = "src/keter/ledger/bet_steps.py"
BET_QUERIES = "src/keter/ledger/bet_queries.py"
CALLS = "src/keter/venues/asianodds/transport.py"
CARE = "src/keter/processes/retention.py"
KEEPING = "src/keter/risk/book_keeper.py"
LUA = "src/keter/bus/lua"
FIRST_SCHEMA = "src/keter/ledger/migrations/versions/v0001_first_schema.py"

INTENT = "        refusal = await self._commit(intent)\n"
QUOTE_FIRST = "        await Quoting(self._venue, approved, self._limits).find()\n"
SENDING = (
    '        await self._move(intent, Step(BetState.SENDING, "sending"), evidence, fenced=True)\n'
)
CALL = '            return await self._timed("place_call", self._venue.place(order))\n'
DENIED = "        if denied is None or denied.count < LEAST_DENIALS:\n            return False\n"
OPEN_INDEX = '        ["account", "mode", "event_uid", "selection_id"],\n        unique=True,\n'
SECOND_LOOK = (
    "        verdict = await self._recheck(approved, lock)\n"
    "        if not verdict.accepted:\n"
    "            return verdict, None\n"
)
CONVERT = "        if not await self._exposures.convert("
UNSEEN = (
    "if tonumber(call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[4]) or tonumber(ARGV[3]) <= 0 then"
)

MUTATIONS = (
    Mutation(
        "fence",
        ONCE,
        "a replaced owner cannot place",
        "src/keter/ledger/fences.py",
        "if current is not None and current > fence:",
        "if False:",
        (LEDGER,),
    ),
    Mutation(
        "intent-first",
        ONCE,
        "the intent is committed before anything else",
        ROUTING,
        INTENT,
        QUOTE_FIRST + INTENT,
        (PLACING,),
    ),
    Mutation(
        "sending-first",
        ONCE,
        "SENDING is committed before the call",
        ROUTING,
        SENDING,
        "        await self._call(order)\n" + SENDING,
        (PLACING,),
    ),
    Mutation(
        "one-call",
        ONCE,
        "the venue is called once",
        ROUTING,
        CALL,
        "            await self._venue.place(order)\n" + CALL,
        (LIFE,),
    ),
    Mutation(
        "takeover",
        ONCE,
        "a death while sending is a doubt",
        BET_STEPS,
        "    (BetState.SENDING, BetState.UNKNOWN),\n",
        "",
        (LEDGER, LIFE),
    ),
    Mutation(
        "unknown",
        ONCE,
        "a doubt is not a refusal",
        "src/keter/execution/intents.py",
        "return Step(BetState.UNKNOWN, placement.kind, placement.kind)",
        "return Step(BetState.REFUSED, placement.kind, placement.kind)",
        (PLACING, LIFE),
    ),
    Mutation(
        "denials",
        ONCE,
        "one denial proves nothing",
        "src/keter/execution/reconcile/uncertainty.py",
        DENIED,
        "        if self._denied is not None:\n            return True\n",
        (TOGETHER,),
    ),
    Mutation(
        "unknown-age",
        GATE,
        "a correction does not restart the clock of a doubt",
        BET_QUERIES,
        "    stepped = or_(transitions.c.source.is_(None), transitions.c.source !="
        " transitions.c.target)\n",
        "    stepped = transitions.c.id > 0\n",
        (RECONCILING,),
    ),
    Mutation(
        "late-turns",
        GATE,
        "a pass is not complete while bets miss their turn",
        "src/keter/execution/reconcile/reconciler.py",
        "complete=not late",
        "complete=True",
        (RECONCILING,),
    ),
    Mutation(
        "account-told",
        GATE,
        "a pass is not complete without the account",
        "src/keter/execution/reconcile/passes.py",
        "not found.complete or not is_fresh:",
        "not found.complete:",
        (RECONCILING,),
    ),
    Mutation(
        "closed-router",
        GATE,
        "a closed router asks nobody and writes no bet",
        ROUTING,
        "        if not verdict.accepted:\n            return PlacementResult(verdict, None,",
        "        if False:\n            return PlacementResult(verdict, None,",
        (PLACING,),
    ),
    Mutation(
        "expected",
        ONCE,
        "a tracker steps only from where it saw the bet",
        "src/keter/execution/reconcile/bet_updates.py",
        "expected=bet.state,",
        "expected=None,",
        (TOGETHER,),
    ),
    Mutation(
        "last-stop",
        ONCE,
        "HALT, a lost lock and an old price stop the call",
        ROUTING,
        "if stop is not None else await self._call(order)",
        "if False else await self._call(order)",
        (PLACING,),
    ),
    Mutation(
        "unique-decision",
        ONCE,
        "one intent per decision",
        FIRST_SCHEMA,
        'sa.UniqueConstraint("decision_id", name="uq_bets_decision_id"),',
        "",
        (LEDGER,),
    ),
    Mutation(
        "unique-selection",
        ONCE,
        "one open intent per selection",
        FIRST_SCHEMA,
        OPEN_INDEX,
        OPEN_INDEX.replace("True", "False"),
        (LEDGER,),
    ),
    Mutation(
        "verdict",
        GATE,
        "what the gate refuses is not approved",
        "src/keter/risk/approvals.py",
        "        if not made.verdict.accepted:\n            return Ruling(made.verdict)\n",
        "",
        (GUARD,),
    ),
    Mutation(
        "revision",
        GATE,
        "nothing is reserved on a picture that has changed",
        f"{LUA}/risk_reserve.lua",
        UNSEEN,
        "if tonumber(ARGV[3]) <= 0 then",
        (BOOK,),
    ),
    Mutation(
        "guard-lease",
        GATE,
        "a guard without its lease reserves nothing",
        f"{LUA}/risk_reserve.lua",
        "if call('GET', KEYS[5]) ~= ARGV[5] then",
        "if false then",
        (GUARD,),
    ),
    Mutation(
        "reducing",
        GATE,
        "while reducing no worst case is raised",
        "src/keter/risk/reduce_only.py",
        "        if with_it > open_bets:\n",
        "        if False:\n",
        ("tests/unit/risk/test_reduce_only.py",),
    ),
    Mutation(
        "reducing-again",
        GATE,
        "while reducing the router judges by the book as it stands",
        PLACEMENT_GATE,
        "    return rules.reducing(approved, facts.book)\n",
        "    return accept()\n",
        ("tests/unit/risk/test_reduce_only.py",),
    ),
    Mutation(
        "day-counts",
        GATE,
        "a release takes off a day only what it counts",
        "src/keter/bus/state/risk.py",
        "(booked or {}).get(exposure.decision_id)",
        "exposure.stake_minor",
        (BOOK,),
    ),
    Mutation(
        "second-look",
        GATE,
        "the router looks again right before the call",
        ROUTING,
        SECOND_LOOK + CONVERT,
        CONVERT,
        (PLACING,),
    ),
    Mutation(
        "reservation",
        GATE,
        "an expired reservation is not bet",
        ROUTING,
        CONVERT,
        "        if False and not await self._exposures.convert(",
        (PLACING,),
    ),
    Mutation(
        "doubt-exposed",
        GATE,
        "a doubtful bet stays exposure",
        ROUTING,
        "            return PlacementResult(verdict, bet, keeps_exposure=True, sent=True)\n"
        "        refusal",
        "            return PlacementResult(\n"
        "                verdict, bet, keeps_exposure=step.target is"
        " BetState.PENDING, sent=True\n            )\n        refusal",
        (PLACING,),
    ),
    Mutation(
        "duplicate-keeps",
        GATE,
        "a redelivered item does not free the exposure of its bet",
        "src/keter/execution/approvals.py",
        "            if not result.keeps_exposure:\n                await",
        "            if True:\n                await",
        (TOGETHER,),
    ),
    Mutation(
        "skipped-frees",
        GATE,
        "a decision that came to nothing gives its room back when it comes again",
        "src/keter/execution/approvals.py",
        "            at_risk = known.state not in NEVER_PLACED\n",
        "            at_risk = True\n",
        (TOGETHER,),
    ),
    Mutation(
        "booked-meanwhile",
        GATE,
        "a stake booked while it is released comes off its day",
        f"{LUA}/risk_release.lua",
        "if day and day ~= ARGV[2] and",
        "if false and",
        (BOOK,),
    ),
    Mutation(
        "in-flight",
        GATE,
        "a bet on its way counts for the throttle",
        f"{LUA}/risk_convert.lua",
        "call('ZADD', KEYS[7], now, ARGV[1])\n",
        "",
        (GUARD,),
    ),
    Mutation(
        "best-first",
        GATE,
        "of signals that arrive together the best goes first",
        "src/keter/risk/every_account.py",
        "        order = best_first([signal for _, signal in known], limits)\n",
        "        order = list(range(len(known)))\n",
        (GUARD,),
    ),
    Mutation(
        "wait-alone",
        GATE,
        "nothing waits beside an item that is taken alone",
        "src/keter/processes/serving.py",
        "            not items[0].alone\n            and len(items)",
        "            len(items)",
        ("tests/integration/test_serving.py",),
    ),
    Mutation(
        "looked-again",
        GATE,
        "what a rest refused is looked at again",
        "src/keter/processes/guard.py",
        "        self._revisits.note(signal, verdict)\n",
        "",
        (GUARD,),
    ),
    Mutation(
        "dry-default",
        DRY,
        "DRY is what holds when nothing is said",
        "src/keter/setting_groups.py",
        "ExecutionMode.LIVE] = Field(\n        ExecutionMode.DRY,",
        "ExecutionMode.LIVE] = Field(\n        ExecutionMode.LIVE,",
        ("tests/unit/test_settings.py",),
    ),
    Mutation(
        "paper",
        DRY,
        "DRY bets go to the paper gateway",
        "src/keter/opening/venues.py",
        "    if account.mode is ExecutionMode.LIVE:\n        return venue\n",
        "    if venue:\n        return venue\n",
        ("tests/unit/opening/test_venues.py",),
    ),
    Mutation(
        "arming",
        DRY,
        "LIVE needs an arming",
        "src/keter/risk/permission.py",
        'is not None else "arming"',
        "is not None else None",
        ("tests/integration/test_permission.py",),
    ),
    Mutation(
        "limits",
        DRY,
        "LIVE needs limits set by hand",
        "src/keter/risk/permission.py",
        "if self._settings.missing_live_limits():",
        "if False:",
        ("tests/integration/test_permission.py",),
    ),
    Mutation(
        "licence",
        DRY,
        "LIVE needs a licence",
        "src/keter/license/keeper.py",
        "        if not self.required:\n",
        "        if True:\n",
        ("tests/integration/test_permission.py",),
    ),
    Mutation(
        "follow-nothing",
        DRY,
        "LIVE without a licence starts for bets that are open only",
        "src/keter/supervision/following.py",
        "    if ours:\n",
        "    if True:\n",
        ("tests/unit/supervision/test_following.py",),
    ),
    Mutation(
        "follow-open",
        DRY,
        "open LIVE bets are followed without a licence",
        "src/keter/supervision/following.py",
        "    if ours:\n",
        "    if False:\n",
        ("tests/unit/supervision/test_following.py",),
    ),
    Mutation(
        "halt-disarms",
        DRY,
        "a halt takes every permission back",
        f"{LUA}/trading_change.lua",
        "if ARGV[3] == 'HALTED' then",
        "if false then",
        ("tests/integration/test_control.py",),
    ),
    Mutation(
        "own-halt-disarms",
        DRY,
        "a halt of one account takes its permission back",
        f"{LUA}/trading_change.lua",
        "redis.call('HDEL', KEYS[2], ARGV[8])",
        "redis.call('HLEN', KEYS[2])",
        ("tests/integration/test_control_accounts.py",),
    ),
    Mutation(
        "anchor",
        FRESH,
        "the anchor's price is not bet while the others may follow",
        "src/keter/strategies/value/edge.py",
        "view.anchor_wait_s if name == view.settings.sharp_anchor.upper() else 0.0",
        "0.0",
        ("tests/unit/strategies/value/test_edge.py",),
    ),
    Mutation(
        "anchor-moved",
        FRESH,
        "an anchor that moved since the approval is not bet",
        "src/keter/strategies/value/recheck.py",
        "        reason = Reason.ANCHOR_UNSETTLED\n",
        "        pass\n",
        ("tests/unit/execution/test_price_choice.py",),
    ),
    Mutation(
        "quote-age",
        FRESH,
        "an old price is no price",
        "src/keter/strategies/value/validation.py",
        "    if age_s > age_limit_s:\n",
        "    if False:\n",
        ("tests/unit/strategies/value/test_validation.py",),
    ),
    Mutation(
        "signal-age",
        FRESH,
        "an old consensus is not bet on",
        "src/keter/domain/signals.py",
        "    if not -FUTURE_TOLERANCE_S <= age_s <= max_age_s:\n",
        "    if False:\n",
        (PLACING,),
    ),
    Mutation(
        "returned",
        FRESH,
        "what is put back never replaces a newer price",
        f"{LUA}/step.lua",
        "tonumber(ARGV[i]) < 0 and 'HSETNX' or 'HSET'",
        "'HSET'",
        (QUEUES,),
    ),
    Mutation(
        "slippage",
        FRESH,
        "a price that moved away is not taken",
        "src/keter/execution/price_choice.py",
        "    if slippage_pct > limits.router.slippage_limit_pct(asked) + _ROUNDING:\n",
        "    if False:\n",
        ("tests/unit/execution/test_price_choice.py",),
    ),
    Mutation(
        "shown-stale",
        FRESH,
        "an old feed is shown as old",
        "src/keter/dashboard/snapshot.py",
        "stale=feed.is_stale(stale_after_s, now),",
        "stale=False,",
        ("tests/unit/dashboard/test_snapshot.py",),
    ),
    Mutation(
        "audit-trail",
        REPLAY,
        "the guard's verdicts are recorded",
        "src/keter/processes/guard.py",
        "[encode(self._decision(signal, ruling))] if news else []",
        "[]",
        (GUARD,),
    ),
    Mutation(
        "signal-kept",
        REPLAY,
        "what was decided on is kept with the bet",
        "src/keter/execution/intents.py",
        "        signal=encode(approved),\n",
        "",
        (PLACING,),
    ),
    Mutation(
        "every-digit",
        REPLAY,
        "a digit that differs is told",
        "src/keter/strategies/value/evidence.py",
        "        return not self.differences\n",
        "        return True\n",
        ("tests/unit/cli/test_explain.py",),
    ),
    Mutation(
        "audit",
        REDIS,
        "risk book and ledger are made equal after a death",
        "src/keter/execution/reconcile/reconciler.py",
        "        await self._audit.run()\n",
        "",
        (TOGETHER,),
    ),
    Mutation(
        "rebuild",
        REDIS,
        "trading is restored after the lost risk book, not before",
        KEEPING,
        "        await self._rebuilder.rebuild(self._context.day())\n",
        "",
        (GUARD,),
    ),
    Mutation(
        "begun-counts",
        REDIS,
        "a bet not sent yet counts on its day in a rebuilt book",
        "src/keter/risk/rebuilding.py",
        "    begun = [bet for bet in todays if bet.state in NOT_SENT]\n",
        "    begun: list[Bet] = []\n",
        (GUARD,),
    ),
    Mutation(
        "last-command",
        REDIS,
        "the last command outlives Redis",
        KEEPING,
        "last = await self._ledger.commands.last_trading()",
        "last = None",
        (GUARD,),
    ),
    Mutation(
        "own-pause-first",
        REDIS,
        "an account's own stop comes back before the common state",
        KEEPING,
        "        # An account without its own state may bet as soon as there is a common one.\n"
        "        await restore_scoped_trading(self._context, self._ledger)\n",
        "",
        (GUARD,),
    ),
    Mutation(
        "own-pause-removed",
        REDIS,
        "an account's own stop that is gone alone comes back",
        KEEPING,
        "if any(view.revisions.get(name, 0) < seen for name, seen in self._seen.items()):",
        "if not self._accounts:",
        (GUARD,),
    ),
    Mutation(
        "catch-up",
        REDIS,
        "what a restarted Redis forgot is made good",
        KEEPING,
        "if anyway or server != self._server:",
        "if anyway:",
        (GUARD,),
    ),
    Mutation(
        "router-asks",
        REDIS,
        "the router trusts no state older than the audit",
        "src/keter/execution/conditions.py",
        "found < last.revision",
        "found < 0",
        (f"{TOGETHER}::test_a_pause_that_redis_lost_still_stops_the_router",),
    ),
    Mutation(
        "run-handover",
        RUN,
        "a child reads no .env",
        "src/keter/cli/processes.py",
        "        handed.settings,\n        account=account",
        "        __import__('keter.settings').settings.load_settings(),\n        account=account",
        (
            (
                "tests/faults/test_runs.py::"
                "test_an_edited_env_changes_nothing_before_the_next_start_and_is_told"
            ),
        ),
    ),
    Mutation(
        "run-fingerprint",
        RUN,
        "a child refuses settings of another run",
        "src/keter/supervision/handover.py",
        "        if fingerprint(read) != self.run.fingerprint:\n",
        "        if False:\n",
        ("tests/unit/supervision/test_handover.py",),
    ),
    Mutation(
        "run-secrets-count",
        RUN,
        "secrets are part of the fingerprint",
        "src/keter/supervision/run.py",
        "(secret if entry.secret else plain)[entry.name]",
        "({} if entry.secret else plain)[entry.name]",
        ("tests/unit/supervision/test_handover.py",),
    ),
    Mutation(
        "run-owner-claim",
        RUN,
        "an owned Redis is not taken",
        f"{LUA}/owner_claim.lua",
        "if owner[1] and owner[1] ~= ARGV[2] then",
        "if false then",
        (OWNING,),
    ),
    Mutation(
        "run-owner-clock",
        RUN,
        "a dead owner's record ends though the clock was set back",
        f"{LUA}/owner_claim.lua",
        "if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[4]) then",
        "if false then",
        ("tests/integration/test_moved_clocks.py",),
    ),
    Mutation(
        "run-owner-restored",
        RUN,
        "a lost owner record is put back",
        f"{LUA}/owner_keep.lua",
        "if owner[2] ~= ARGV[3] then",
        "if owner[2] and owner[2] ~= ARGV[3] then",
        (OWNING,),
    ),
    Mutation(
        "run-lease",
        RUN,
        "a stranger gets no lease",
        f"{LUA}/lock_acquire.lua",
        "if (redis.call('HGET', KEYS[3], 'run_id') or '') ~= ARGV[3] then",
        "if false then",
        (OWNING,),
    ),
    Mutation(
        "run-renewal",
        RUN,
        "a lease ends with the ownership",
        f"{LUA}/lock_keep.lua",
        "if owner and owner ~= ARGV[3] then",
        "if false then",
        (OWNING,),
    ),
    Mutation(
        "run-watch",
        RUN,
        "workers without a lease stop for a stranger",
        "src/keter/processes/heartbeat.py",
        "        except NotOwnerError:\n            raise\n",
        "        except NotOwnerError:\n            pass\n",
        (OWNING,),
    ),
    Mutation(
        "run-join",
        RUN,
        "a single process joins with equal settings only",
        "src/keter/processes/run_membership.py",
        "    if owner.fingerprint != own.fingerprint:\n",
        "    if False:\n",
        (OWNING,),
    ),
    Mutation(
        "run-copy",
        RUN,
        "a copied ledger file joins no run",
        "src/keter/supervision/ownership.py",
        "if not (self._several_machines and _elsewhere",
        "if not (_elsewhere",
        (OWNING,),
    ),
    Mutation(
        "run-approval",
        RUN,
        "an approval of another run is refused",
        PLACEMENT_GATE,
        "    if approved.run != own:\n",
        "    if False:\n",
        (AGAIN,),
    ),
    Mutation(
        "run-redis",
        RUN,
        "nothing is bet on another run's Redis",
        PLACEMENT_GATE,
        "    if facts.owner != own.run_id:\n",
        "    if False:\n",
        (AGAIN,),
    ),
    Mutation(
        "run-leading",
        RUN,
        "nothing is bet without the account's lease",
        PLACEMENT_GATE,
        "    if not facts.leading:\n",
        "    if False:\n",
        (AGAIN,),
    ),
    Mutation(
        "run-pass",
        RUN,
        "a pass of another mode opens no router",
        "src/keter/bus/state/reconciliation.py",
        ' or fields.get("run") != run.text.encode()',
        "",
        (TOGETHER,),
    ),
    Mutation(
        "run-book",
        RUN,
        "the book of another run is made anew",
        KEEPING,
        "if state.day is None or state.run != self._run:",
        "if state.day is None:",
        (RUNS,),
    ),
    Mutation(
        "run-convert",
        RUN,
        "no bet comes of another run's reservation",
        f"{LUA}/risk_convert.lua",
        "(call('GET', KEYS[9]) or '') ~= ARGV[8] or ",
        "",
        (RUNS,),
    ),
    Mutation(
        "run-arming",
        RUN,
        "an arming ends with its run",
        "src/keter/bus/state/permissions.py",
        "arming is not None and arming.run == run",
        "arming is not None",
        ("tests/integration/test_control.py",),
    ),
    Mutation(
        "run-disarms",
        RUN,
        "a start disarms",
        f"{LUA}/owner_claim.lua",
        "redis.call('DEL', KEYS[2])\n",
        "",
        ("tests/integration/test_control.py",),
    ),
    Mutation(
        "own-stake",
        GATE,
        "the router sends no stake above its own cap",
        "src/keter/risk/caps.py",
        "    if bet.stake_minor > to_minor(risk.max_stake):\n",
        "    if False:\n",
        (AGAIN,),
    ),
    Mutation(
        "own-totals",
        GATE,
        "the router passes none of its own totals",
        PLACEMENT_GATE,
        "    return age if caps.accepted else caps\n",
        "    return age\n",
        (AGAIN,),
    ),
    Mutation(
        "ledger-replaced",
        RUN,
        "a replaced ledger disarms",
        "src/keter/risk/ledger_watch.py",
        "if known is not None and known.decode() != own:",
        "if False:",
        (RUNS,),
    ),
    Mutation(
        "ledger-restored",
        RUN,
        "bets that the ledger does not know disarm",
        "src/keter/risk/ledger_watch.py",
        "elif unknown := await self._unknown(book):",
        "elif unknown := 0:",
        (RUNS,),
    ),
    Mutation(
        "worker-busy",
        REDIS,
        "a worker waits while Redis is busy",
        "src/keter/processes/redis_following.py",
        "        except (UnavailableError, BusRefusedError) as e:\n            if not is_logged:",
        "        except UnavailableError as e:\n            if not is_logged:",
        ("tests/integration/test_runtime.py",),
    ),
    Mutation(
        "serve-refused",
        REDIS,
        "a worker keeps what it holds while Redis takes no writes",
        "src/keter/processes/serving.py",
        "with suppress(BusRefusedError):\n                    await self._pipe.touch()",
        "with suppress():\n                    await self._pipe.touch()",
        ("tests/integration/test_serving.py",),
    ),
    Mutation(
        "reap-refused",
        REDIS,
        "nor does it go by the dead it cannot look after",
        "src/keter/processes/handling.py",
        "with suppress(BusRefusedError):\n",
        "with suppress():\n",
        ("tests/integration/test_serving.py",),
    ),
    Mutation(
        "gather-refused",
        REDIS,
        "so does one that gathers",
        "src/keter/processes/serving.py",
        "items += await self._write(Turn(), self._batch - len(items))",
        "items += await self._pipe.step(claim=self._batch - len(items))",
        ("tests/integration/test_serving.py",),
    ),
    Mutation(
        "owner-disk",
        RUN,
        "a disk that hangs does not end the owner's record",
        "src/keter/supervision/ownership.py",
        "await asyncio.wait({looking}, timeout=READ_S)",
        "await asyncio.wait({looking})",
        (OWNING,),
    ),
    Mutation(
        "owner-denied",
        RUN,
        "a Redis that denies us does not end the run",
        "src/keter/supervision/ownership.py",
        "except (UnavailableError, BusRefusedError, BusDataError) as e:\n            # Also",
        "except (BusRefusedError, BusDataError) as e:\n            # Also",
        (OWNING,),
    ),
    Mutation(
        "copy-tickets",
        RUN,
        "another Keter's tickets stop betting",
        "src/keter/execution/reconcile/second_copy.py",
        "        if fresh:\n",
        "        if False:\n",
        (COPY,),
    ),
    Mutation(
        "copy-session",
        RUN,
        "a session fought over stops betting",
        "src/keter/execution/reconcile/second_copy.py",
        "        if fought and not self._contested:\n",
        "        if False:\n",
        (COPY,),
    ),
    Mutation(
        "copy-revision",
        RUN,
        "the pause for a second copy is not undone",
        "src/keter/execution/reconcile/alarms.py",
        "        last=ledger.commands.last_trading,\n",
        "",
        (COPY,),
    ),
    Mutation(
        "copy-ours",
        RUN,
        "a bet of ours is no second copy",
        "src/keter/execution/reconcile/second_copy.py",
        "return made - {bet.intent.reference for bet in ours}",
        "return made",
        (COPY,),
    ),
    Mutation(
        "edge-turn",
        BOUNDED,
        "second looks are spread over turns",
        "src/keter/processes/edge.py",
        "due = self._confirmation.due(now)[:LOOKS_PER_TURN]",
        "due = self._confirmation.due(now)",
        ("tests/integration/test_edge.py",),
    ),
    Mutation(
        "conflate",
        BOUNDED,
        "a key waits once",
        f"{LUA}/step.lua",
        "if call(put, KEYS[target + 1], ARGV[i + 1], ARGV[i + 2]) == 1 then",
        "if call(put, KEYS[target + 1], ARGV[i + 1], ARGV[i + 2]) >= 0 then",
        (QUEUES,),
    ),
    Mutation(
        "audit-cap",
        BOUNDED,
        "the audit list is capped",
        f"{LUA}/step.lua",
        "    call('LTRIM', KEYS[2], over, -1)\n",
        "",
        (QUEUES,),
    ),
    Mutation(
        "dead-cap",
        BOUNDED,
        "dead letters are capped",
        f"{LUA}/step.lua",
        "  call('LTRIM', dead, -tonumber(ARGV[8]), -1)\n",
        "",
        (QUEUES,),
    ),
    Mutation(
        "halt-needs-a-keter",
        HALT,
        "exit code 0 only when a Keter that runs will see it",
        "src/keter/cli/halting.py",
        "    if not heard:\n",
        "    if False:\n",
        ("tests/unit/cli/test_cli.py",),
    ),
    Mutation(
        "halt-listing-lock",
        HALT,
        "a listing counts only while its lock is held",
        INSTANCES,
        "    return lock_of(data_dir).held()\n",
        "    return data_dir.exists()\n",
        (LISTINGS,),
    ),
    Mutation(
        "halt-listing-owner",
        HALT,
        "nobody follows a stranger's listing",
        INSTANCES,
        "os.geteuid() in {0, owner}",
        "True",
        (LISTINGS,),
    ),
    Mutation(
        "halt-listing-lie",
        HALT,
        "a listing and the lock it names belong to one user",
        INSTANCES,
        "            or _owner(_lock_file(data_dir)) != owner\n",
        "",
        (LISTINGS,),
    ),
    Mutation(
        "halt-chosen-keter",
        HALT,
        "what may start bets reaches the Keter that was chosen, and no other",
        "src/keter/supervision/targets.py",
        "        kind is CommandKind.START\n        and named",
        "        False\n        and named",
        ("tests/unit/supervision/test_targets.py",),
    ),
    Mutation(
        "halt-paths",
        HALT,
        "paths start at the folder of the .env in use",
        "src/keter/system/paths.py",
        "        return folder.absolute() / Path(text).expanduser()\n",
        "        return Path(text).absolute()\n",
        ("tests/unit/system/test_paths.py",),
    ),
    Mutation(
        "halt-old-telegram",
        HALT,
        "a stop said over Telegram is done however old it is",
        "src/keter/alerting/telegram_commands.py",
        "command not in ALWAYS_DONE | ALWAYS_ANSWERED",
        "command not in ALWAYS_ANSWERED",
        ("tests/unit/alerting/test_telegram_commands.py",),
    ),
    Mutation(
        "halt-old-page",
        HALT,
        "a stop on the page is done however old its look",
        "src/keter/dashboard/commands.py",
        "if old and token.body.action not in STOPS:",
        "if old:",
        ("tests/integration/dashboard/test_commands.py",),
    ),
    Mutation(
        "strictest",
        HALT,
        "of everything's state and the account's own the strictest decides",
        "src/keter/domain/trading.py",
        "return max(states, key=lambda state: state.strictness(now))",
        "return next(iter(states))",
        ("tests/unit/bus/state/test_trading.py",),
    ),
    Mutation(
        "resume-seen",
        HALT,
        "a resume ends no stop that nobody looked at",
        "src/keter/control/commands.py",
        "if found != seen.get(name, 0):",
        "if False:",
        ("tests/integration/test_control_accounts.py",),
    ),
    Mutation(
        "halt-reduce-race",
        HALT,
        "reducing ends no pause said in the very moment",
        "src/keter/control/pausing.py",
        "ends_pause = out_of_pause and not again",
        "ends_pause = out_of_pause",
        ("tests/integration/test_control.py",),
    ),
    Mutation(
        "body-cap",
        BOUNDED,
        "an answer is read up to a cap",
        CALLS,
        "            if size > self._max_body_bytes:\n",
        "            if False:\n",
        (TRANSPORT,),
    ),
    Mutation(
        "deadline",
        BOUNDED,
        "a call ends in time, however slowly an answer drips",
        CALLS,
        "                asyncio.timeout(timeout_s),\n",
        "                asyncio.timeout(None),\n",
        (TRANSPORT,),
    ),
    Mutation(
        "query-budget",
        BOUNDED,
        "the venue is asked so often and not more",
        f"{LUA}/budget_take.lua",
        "if left >= wanted then",
        "if true then",
        (
            f"{RECONCILING}::test_a_clock_gives_what_its_minutes_are_worth_and_nothing_for_going_back",
        ),
    ),
    Mutation(
        "query-turns",
        BOUNDED,
        "who has waited longest is asked for first",
        "src/keter/execution/reconcile/query_budget.py",
        "    ordered = sorted(waiting, key=lambda one: (one.since, one.key))\n",
        "    ordered = list(waiting)\n",
        ("tests/unit/execution/reconcile/test_query_budget.py",),
    ),
    Mutation(
        "query-owed",
        BOUNDED,
        "other bets have their turn however many are doubtful",
        "src/keter/execution/reconcile/query_budget.py",
        "doubtful[:DOUBTFUL_PER_PASS] + others[:OTHERS_PER_PASS]",
        "doubtful[:DOUBTFUL_PER_PASS]",
        ("tests/unit/execution/reconcile/test_query_budget.py",),
    ),
    Mutation(
        "rotation",
        BOUNDED,
        "logs are rotated",
        "src/keter/logs.py",
        "maxBytes=int(settings.log.log_max_mb * BYTES_PER_MB),",
        "maxBytes=0,",
        ("tests/unit/test_logs.py",),
    ),
    Mutation(
        "plain-venue",
        SECRETS,
        "LIVE refuses a venue over plain http",
        "src/keter/trust.py",
        "        for risk in transport_risks(settings):\n",
        "        for risk in ():\n",
        (TRUST,),
    ),
    Mutation(
        "start-transport",
        SECRETS,
        "LIVE starts nothing over an unsafe connection",
        "src/keter/supervision/following.py",
        "    require_safe_transport(settings)\n",
        "",
        ("tests/unit/supervision/test_following.py",),
    ),
    Mutation(
        "unsafe-redis",
        DRY,
        "who connects in LIVE asks again whether that Redis is safe",
        "src/keter/trust.py",
        "    if settings.live and risk is not None and not risk.accepted:\n",
        "    if False:\n",
        (TRUST,),
    ),
    Mutation(
        "session-host",
        SECRETS,
        "a session stays with the configured venue",
        "src/keter/venues/asianodds/session_hosts.py",
        "    if hosts.strict:\n",
        "    if False:\n",
        ("tests/unit/venues/asianodds/test_session.py",),
    ),
    Mutation(
        "private-files",
        SECRETS,
        "only its owner reads what is written",
        "src/keter/system/private_files.py",
        "FILE_MODE = 0o600",
        "FILE_MODE = 0o644",
        ("tests/unit/system/test_private_files.py",),
    ),
    Mutation(
        "used-codes",
        DRY,
        "a code that was used is refused after a restart",
        "src/keter/dashboard/second_factor.py",
        "            replace_private(self._path, msgspec.json.encode(self._steps).decode())\n",
        "            pass\n",
        (AUTH,),
    ),
    Mutation(
        "viewer-codes",
        DRY,
        "without a second factor of its own no viewer logs in",
        "src/keter/dashboard/auth.py",
        "        if self._viewer_off and attempt.user == Role.VIEWER.value:\n",
        "        if False:\n",
        (AUTH,),
    ),
    Mutation(
        "proof-code",
        DRY,
        "a proof asks for the code",
        "src/keter/dashboard/auth.py",
        '        return factor is None or factor.take(code or "")\n',
        "        return True\n",
        (AUTH,),
    ),
    Mutation(
        "own-backoff",
        DRY,
        "others' failures do not keep a known browser out",
        "src/keter/dashboard/auth.py",
        "        attempt = Attempt(user, address, self.devices.known(device, user))\n",
        "        attempt = Attempt(user, address)\n",
        (AUTH,),
    ),
    Mutation(
        "guessing",
        DRY,
        "guessing is slowed down",
        "src/keter/dashboard/auth.py",
        "        if wait_s > 0:\n",
        "        if False:\n",
        (AUTH,),
    ),
    Mutation(
        "telegram-proof",
        DRY,
        "Telegram resumes after a halt with the second factor only",
        "src/keter/alerting/telegram_commands.py",
        "        lightly = resumes_lightly(standing)\n",
        "        lightly = True\n",
        ("tests/unit/alerting/test_telegram_commands.py",),
    ),
    Mutation(
        "stream-places",
        DRY,
        "viewers cannot take the operator's places",
        "src/keter/dashboard/frames.py",
        "        and sum(one.role is Role.VIEWER for one in taken) >= VIEWER_SOCKETS\n",
        "        and False\n",
        ("tests/integration/dashboard/test_stream.py",),
    ),
    Mutation(
        "horizon",
        BOUNDED,
        "a match beyond the horizon is not taken",
        "src/keter/venues/asianodds/bounds.py",
        "return event.kickoff - now > self.horizon + MARGIN",
        "return False",
        (FEED_BOUNDS,),
    ),
    Mutation(
        "feed-cap",
        BOUNDED,
        "of too many fixtures the farthest go",
        "src/keter/venues/asianodds/bounds.py",
        "    return nearest[bounds.fixtures :]\n",
        "    return []\n",
        (FEED_BOUNDS,),
    ),
    Mutation(
        "ended-cap",
        BOUNDED,
        "fixtures that ended are forgotten",
        "src/keter/venues/asianodds/state.py",
        "        for uid in oldest(self._ended, self._bounds):\n            del self._ended[uid]\n",
        "",
        (FEED_BOUNDS,),
    ),
    Mutation(
        "ledger-cap",
        BOUNDED,
        "the ledger is capped by size",
        CARE,
        "        await self._trim(LEAST_KEPT, settings.ledger_max_mb * BYTES_PER_MB)\n",
        "",
        (SIZES,),
    ),
    Mutation(
        "last-day",
        REPLAY,
        "decisions of the last day stay",
        CARE,
        "LEAST_KEPT = timedelta(days=1)",
        "LEAST_KEPT = timedelta(0)",
        (SIZES,),
    ),
    Mutation(
        "files-cap",
        BOUNDED,
        "captures and logs are capped by size",
        "src/keter/domain/storage.py",
        "        if surplus <= 0:\n",
        "        if True:\n",
        (SIZES,),
    ),
    Mutation(
        "open-index",
        BOUNDED,
        "open bets are read from an index of their own",
        BET_QUERIES,
        "    query = select(bets).where(bets_of(mode, account), OPEN_NOW)\n",
        "    query = select(bets).where(bets_of(mode, account),"
        " bets.c.state.in_(state_names(OPEN)))\n",
        (QUESTIONS,),
    ),
    Mutation(
        "spoilt-answer",
        BOUNDED,
        "a spoilt answer costs one interval",
        "src/keter/venues/asianodds/source.py",
        "self.failed = Backoff(interval_s, ",
        "self.failed = Backoff(interval_s * _GROWTH, ",
        ("tests/unit/venues/asianodds/test_source.py",),
    ),
    Mutation(
        "untold-stake",
        GATE,
        "an open stake that nobody can read stops betting",
        "src/keter/execution/reconcile/unreadable_rows.py",
        "        if stake_unknown:\n",
        "        if False:\n",
        ("tests/integration/test_unreadable.py",),
    ),
    Mutation(
        "throttle-clock",
        REDIS,
        "a throttle never outlasts its interval",
        f"{LUA}/throttle_take.lua",
        "if left > 0 and left <= tonumber(ARGV[1]) then",
        "if left > 0 then",
        ("tests/integration/test_clock_set_back.py",),
    ),
    Mutation(
        "bets-dated-once",
        REDIS,
        "a bet counts for the throttle though the server's clock moved",
        "src/keter/bus/state/bet_throttle.py",
        "                continue  # dated already",
        "                pass  # dated already",
        ("tests/unit/bus/state/test_bet_throttle.py",),
    ),
    Mutation(
        "bets-in-future",
        REDIS,
        "a bet noted in the future counts for the throttle",
        "src/keter/bus/state/bet_throttle.py",
        'book, since, "+inf", "WITHSCORES"',
        'book, since, server_ms + 5_000, "WITHSCORES"',
        ("tests/integration/test_moved_clocks.py",),
    ),
    Mutation(
        "bets-between-looks",
        REDIS,
        "a bet sent between two looks counts though the clock moved",
        "src/keter/bus/state/risk.py",
        "            self._throttle.reserved(exposure.decision_id)\n",
        "            pass\n",
        ("tests/integration/test_moved_clocks.py",),
    ),
    Mutation(
        "command-order",
        REDIS,
        "the highest revision is the last command",
        "src/keter/ledger/commands.py",
        "return revision.desc(), operator_commands.c.sequence.desc()",
        "return revision * 0, operator_commands.c.at.desc()",
        (LEDGER,),
    ),
    Mutation(
        "limit-order",
        REDIS,
        "the limit said last is restored, whatever the clock said",
        "src/keter/ledger/commands.py",
        "select(operator_commands).order_by(operator_commands.c.sequence.desc()).limit(limit)",
        "select(operator_commands).order_by(operator_commands.c.at.desc()).limit(limit)",
        (CATCHING_UP, LEDGER),
    ),
    Mutation(
        "arming-order",
        REDIS,
        "an arming is taken back by what was said after it, whatever the clock said",
        "src/keter/risk/restore.py",
        "    if later is not None:\n        return later\n",
        "",
        (CATCHING_UP,),
    ),
    Mutation(
        "disarm-what-runs",
        HALT,
        "a disarming takes back what stands, whatever the settings say",
        "src/keter/control/arming.py",
        '        accounts = [*running, *sorted(others - {*running, ""})]\n',
        "        accounts = [named]\n",
        (SPOILT_ENV,),
    ),
    Mutation(
        "spoilt-env",
        HALT,
        "a spoilt .env holds no stop back",
        "src/keter/cli/access.py",
        "        if kind is CommandKind.START:\n            raise\n",
        "        raise\n",
        (SPOILT_ENV,),
    ),
    Mutation(
        "ledger-guessed",
        HALT,
        "without its settings no other ledger is taken for the Keter's own",
        "src/keter/cli/access.py",
        "                await _check_ledger(ledger, bus)\n",
        "                pass\n",
        (SPOILT_ENV,),
    ),
    Mutation(
        "stops-throttled",
        HALT,
        "the page's throttle holds no stop and no lower limit back",
        PAGE_COMMANDS,
        "        if body.action not in STOPS and not _lowers(body, limit):\n",
        '        if body.action != "halt":\n',
        (TEST_PAGE_COMMANDS,),
    ),
    Mutation(
        "room-of-a-session",
        HALT,
        "a flood of one session pushes out nobody else's confirmation",
        "src/keter/dashboard/command_tokens.py",
        "        for name in own[: max(0, len(own) - MAX_TOKENS_OF_ONE + 1)]:\n            del"
        " kept[name]\n",
        "",
        (TEST_PAGE_COMMANDS,),
    ),
    Mutation(
        "told-from-memory",
        SILENCE,
        "what stands here is told whatever Redis holds",
        "src/keter/alerting/held.py",
        "for alert in self._active.values()]",
        "for alert in self._active.values() if alert.id in copies]",
        ("tests/unit/alerting/test_held.py", "tests/integration/alerting/test_dispatcher.py"),
    ),
    Mutation(
        "redis-write-tried",
        SILENCE,
        "a Redis that answers and takes no writes is told",
        "src/keter/bus/telemetry/writing.py",
        '"SET", bus.keys.probe, "1", "PX", PROBE_MS',
        '"PING"',
        ("tests/integration/test_bus_writing.py",),
    ),
    Mutation(
        "ledger-write-tried",
        SILENCE,
        "a ledger that can be read and not written is told",
        "src/keter/ledger/writing.py",
        '        connection.execute("BEGIN IMMEDIATE")\n        connection.execute(WRITE)\n',
        '        connection.execute("BEGIN")\n',
        ("tests/unit/ledger/test_writing.py",),
    ),
    Mutation(
        "hung-killed",
        SILENCE,
        "a worker without a sign of life is killed",
        "src/keter/supervision/liveness.py",
        "return now_s - self._heard_s > limit_s",
        "return False",
        ("tests/unit/supervision/test_liveness.py", "tests/integration/test_children.py"),
    ),
    Mutation(
        "sandbox-pulse",
        SILENCE,
        "a sandbox that hangs is killed and told",
        "src/keter/supervision/launch.py",
        "Stage.VENUE, supervised=True)",
        "Stage.VENUE)",
        ("tests/unit/venues/asianodds/simulator/test_main.py",),
    ),
    Mutation(
        "page-asked",
        SILENCE,
        "a page that does not answer is killed",
        "src/keter/supervision/liveness.py",
        "        self._answered_s = None\n        return True\n",
        "        return False\n",
        ("tests/unit/supervision/test_liveness.py",),
    ),
    Mutation(
        "connection-share",
        SILENCE,
        "one address has its share of the connections",
        "src/keter/dashboard/connections.py",
        "if len(group) >= most and not _close_one(group):",
        "if False:",
        ("tests/unit/dashboard/test_connections.py",),
    ),
    Mutation(
        "task-ends-process",
        SILENCE,
        "a dashboard without one of its tasks ends",
        "src/keter/processes/dashboard.py",
        "    if ended:\n",
        "    if False:\n",
        ("tests/unit/processes/test_dashboard.py",),
    ),
    Mutation(
        "unarmed-told",
        SILENCE,
        "LIVE that is not armed is told",
        "src/keter/dashboard/rules/betting.py",
        "if s.unarmed_since is None or (s.facts.at",
        "if s.unarmed_since is not None or (s.facts.at",
        ("tests/integration/dashboard/test_watch.py",),
    ),
    Mutation(
        "told-memory",
        SILENCE,
        "what was told is remembered though Redis takes no note",
        "src/keter/alerting/delivery_memory.py",
        "unwritten = self._unwritten.get(channel)\n",
        "unwritten = None\n",
        ("tests/integration/alerting/test_dispatcher.py",),
    ),
    Mutation(
        "told-again",
        SILENCE,
        "an end is told once though Redis takes no note",
        "src/keter/alerting/delivery_memory.py",
        "            if known and unwritten is not None\n",
        "            if False\n",
        ("tests/integration/alerting/test_dispatcher.py",),
    ),
    Mutation(
        "history-row",
        SILENCE,
        "a row that the ledger refuses holds up no other",
        "src/keter/dashboard/alert_history.py",
        "    except UnstorableRowError as e:\n",
        "    except ZeroDivisionError as e:\n",
        ("tests/integration/dashboard/test_alert_history.py",),
    ),
    Mutation(
        "slow-ledger",
        SILENCE,
        "one slow answer is no unreadable ledger",
        "src/keter/dashboard/rules/stores.py",
        "(s.facts.at - since).total_seconds() < UNREADABLE_S",
        "False",
        ("tests/integration/dashboard/test_watch.py",),
    ),
    Mutation(
        "steady",
        SILENCE,
        "a worker that dies again has not come back",
        "src/keter/dashboard/presence.py",
        "if not troubled or at - state.back_since >= STEADY:",
        "if True:",
        ("tests/unit/dashboard/test_presence.py",),
    ),
    Mutation(
        "head-deadline",
        SILENCE,
        "half a head is not waited for",
        "src/keter/dashboard/wire.py",
        "if self.phase is Phase.HEAD and self.counts:",
        "if False:",
        ("tests/integration/dashboard/test_connections.py",),
    ),
    Mutation(
        "body-deadline",
        SILENCE,
        "half a body is not waited for",
        "src/keter/dashboard/routes.py",
        "async with asyncio.timeout(BODY_S):",
        "async with asyncio.timeout(None):",
        ("tests/integration/dashboard/test_connections.py",),
    ),
    Mutation(
        "swallowed",
        SILENCE,
        "a cancellation that was swallowed counts at the next wait",
        "src/keter/system/tasks.py",
        "if task is not None and task.cancelling():",
        "if False:",
        ("tests/unit/system/test_tasks.py",),
    ),
    Mutation(
        "last-exit",
        SILENCE,
        "a process that failed leaves, whatever does not end in it",
        "src/keter/processes/runtime.py",
        "        leave_within(LEAVE_WITHIN_S,",
        "        max(LEAVE_WITHIN_S,",
        ("tests/integration/dashboard/test_tasks.py",),
    ),
    Mutation(
        "last-exit-stopped",
        SILENCE,
        "a process that was asked to stop leaves, whatever does not end in it",
        "src/keter/processes/runtime.py",
        "    leave_within(LEAVE_WITHIN_S, ExitCode.BUG)\n",
        "    pass\n",
        ("tests/integration/test_leaving.py",),
    ),
    Mutation(
        "recording-calm",
        SILENCE,
        "a recording misses nobody whom it does not start",
        "src/keter/dashboard/rules/workers.py",
        "return roles(starts - {SERVES}, labels)\n",
        "return roles(frozenset(Process) - {SERVES}, labels)\n",
        ("tests/integration/dashboard/test_watch.py",),
    ),
    Mutation(
        "disarmed",
        SILENCE,
        "LIVE that is not armed is not called active",
        "src/keter/domain/trading.py",
        "return DISARMED if live and bets and armed is False else mode",
        "return mode",
        ("tests/unit/domain/test_trading.py",),
    ),
    Mutation(
        "refusing-told",
        SILENCE,
        "a store that takes no writes is told",
        "src/keter/dashboard/rules/stores.py",
        "if trouble is None or trouble.kind not in kinds or",
        "if trouble is not None or",
        ("tests/unit/dashboard/rules/test_stores.py",),
    ),
    Mutation(
        "comma-stake",
        GATE,
        "a comma that parts no thousands makes no number",
        LOOSE,
        "if _NUMBER.fullmatch(text) else None",
        'if _NUMBER.fullmatch(text.replace(",", "")) else None',
        (TICKETS,),
    ),
    Mutation(
        "comma-price",
        SILENCE,
        "a price with commas is read as a number by whoever settles",
        BET_ROWS,
        'row.text("Odds", longest=48).replace(",", "")',
        'row.text("Odds", longest=48)',
        (SPOILT,),
    ),
    Mutation(
        "bracket-address",
        SILENCE,
        "an address that is none ends no login with an exception",
        "src/keter/venues/asianodds/login.py",
        "    except ValueError:\n        # Brackets",
        "    except KeyError:\n        # Brackets",
        (SPOILT,),
    ),
    Mutation(
        "token-letters",
        SILENCE,
        "a token that no header can hold ends no login with an exception",
        CALLS,
        "    UnicodeError,\n",
        "",
        (SPOILT,),
    ),
    Mutation(
        "code-bound",
        SILENCE,
        "an answer's code fits where it is stored",
        "src/keter/venues/asianodds/wire.py",
        "code: Annotated[int, msgspec.Meta(ge=-INT64, le=INT64)] | None",
        "code: int | None",
        (SPOILT,),
    ),
    Mutation(
        "nested-payload",
        SILENCE,
        "lists within lists without end are a poisoned payload",
        "src/keter/bus/codec.py",
        "except (msgspec.DecodeError, ValueError, RecursionError) as e",
        "except (msgspec.DecodeError, ValueError) as e",
        ("tests/unit/bus/test_codec.py",),
    ),
    Mutation(
        "shared-number",
        GATE,
        "rows that cannot be told apart count with all their stakes",
        BET_ROWS,
        "    if len(tickets) == 1 or (",
        "    if tickets or (",
        (TICKETS, DATABASES),
    ),
    Mutation(
        "told-later",
        GATE,
        "what a stranger's row tells only later is stored",
        "src/keter/execution/reconcile/tickets.py",
        'if name != "placed_at")',
        'if name not in {"placed_at", "home", "market"})',
        (DATABASES,),
    ),
    Mutation(
        "other-number",
        GATE,
        "a stranger's ticket under a new number does not count twice for ever",
        "src/keter/execution/reconcile/foreign_tickets.py",
        "        if any(ticket_key(ticket) == row.ticket_key for ticket in found):",
        "        if found:",
        (DATABASES,),
    ),
    Mutation(
        "no-right",
        SILENCE,
        "a PostgreSQL without the right to write is an outage, and ends no process",
        "src/keter/ledger/database.py",
        'if getattr(e.orig, "sqlstate", None) in _UNUSABLE:',
        "if False:",
        ("tests/integration/ledger/test_postgres.py",),
    ),
)


def copy_tree(target: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, target / name)


def notices(mutation: Mutation, tree: Path) -> bool:
    """Whether a test fails with the mechanism taken out; the file is put back afterwards."""
    file = tree / mutation.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(
            f"{mutation.name}: the text to change stands {text.count(mutation.old)} times in"
            f" {mutation.file}"
        )
    file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    world = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=noshrink"]
    command = [sys.executable, "-m", "pytest", *options, *mutation.tests]
    try:
        done = subprocess.run(  # noqa: S603 - its own arguments
            command, check=False, cwd=tree, env=world, capture_output=True, timeout=TIMEOUT_S
        )
    finally:
        file.write_text(text, encoding="utf-8")
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{mutation.name}: pytest could not run: {done.stdout.decode()[-2000:]}")
    return done.returncode == 1


def main(words: list[str]) -> int:
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="keter-mutations-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        for mutation in chosen:
            started = time.monotonic()
            noticed = notices(mutation, tree)
            survived += not noticed
            word = "noticed " if noticed else "SURVIVED"
            sys.stdout.write(
                f"{word}  {mutation.name:16} {mutation.holds}: {mutation.mechanism} "
                f" ({time.monotonic() - started:.0f} s)\n"
            )
            sys.stdout.flush()
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
