"""Jobs of this room, run by whichever worker is free.

Each may run in several workers at once, and again after a crash: what one has done, the next finds done. Each acts for the moment at
which it runs. ``timestamp``, when it was due, is procrastinate's: a job that was left in the queue while no worker ran may be a day
old, and the day it was for is over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils.timezone import now as moment
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from dibs.distribution import (
    borders,
    calendars,
    comparing,
    follow_ups,
    moving,
    moving_on,
    nurturing,
    policies,
    predictions,
    results,
    sooner,
)
from dibs.distribution.choices import watch
from dibs.distribution.floors import look_at_floors
from dibs.distribution.models import Comparison, PolicyVersion, ScoreModel
from dibs.distribution.samples import sample
from dibs.distribution.tiering import retier_all
from dibs.engine.policy import PolicyRefused
from dibs.people.models import Workspace
from dibs.people.tenancy import at_work, within


@app.periodic(cron="*/5 * * * *")
@app.task(name="settle_tiers", queueing_lock="settle_tiers")
def settle_tiers(timestamp: int) -> int:
    """Look at the tiers of those reps for whom a new day has begun; returns how many moved."""
    return in_each_workspace(retier_all)


@app.periodic(cron="* * * * *")
@app.task(name="look_at_claim_floors", queueing_lock="look_at_claim_floors")
def look_at_claim_floors(timestamp: int) -> int:
    """Look at the claim floors of those reps whose day or week is about to end; returns how many were short."""
    return in_each_workspace(lambda workspace_id, now: look_at_floors(workspace_id, now).short)


@app.periodic(cron="* * * * *")
@app.task(name="tell_what_is_due", queueing_lock="tell_what_is_due")
def tell_what_is_due(timestamp: int) -> int:
    """Tell reps of the follow-ups and planned activities whose moment has come; returns of how many."""
    return in_each_workspace(follow_ups.tell_what_is_due)


@app.periodic(cron="* * * * *")
@app.task(name="watch_claims", queueing_lock="watch_claims")
def watch_claims(timestamp: int) -> int:
    """Work out what was on offer at the latest claims; returns how many claims that were."""
    return in_each_workspace(lambda workspace_id, now: watch(workspace_id, now).claims)


@app.periodic(cron="*/5 * * * *")
@app.task(name="sample_pools", queueing_lock="sample_pools")
def sample_pools(timestamp: int) -> int:
    """Note how each pool stands; returns how many pools were noted."""
    return in_each_workspace(sample)


@app.periodic(cron="* * * * *")
@app.task(name="refresh_calendars", queueing_lock="refresh_calendars")
def refresh_calendars(timestamp: int) -> int:
    """Ask for the calendars of reps that are due; returns how many answered."""
    return in_each_workspace(calendars.refresh)


@app.periodic(cron="* * * * *")
@app.task(name="carry_on_moves", queueing_lock="carry_on_moves")
def carry_on_moves(timestamp: int) -> int:
    """Go on with moves that stopped on the way, and begin those whose leave begins; returns how many leads were looked at."""
    return in_each_workspace(lambda workspace_id, now: moving_on.carry_on_all(workspace_id, now, moment))


@app.task(name=moving.JOB, retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def carry_on_move(workspace: str, move: str) -> int:
    """Do what is left of a move that was started or undone; returns how many leads were looked at."""
    with at_work(workspace) as workspace_id:
        return moving_on.carry_on(workspace_id, UUID(move), moment)


@app.periodic(cron="*/5 * * * *")
@app.task(name="count_results", queueing_lock="count_results")
def count_results(timestamp: int) -> int:
    """Count how leads ended lately, where the policy asks; returns how many counts changed."""
    return in_each_workspace(results.count)


@app.task(name=results.JOB, retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def count_results_of(workspace: str) -> int:
    """The same for one workspace, whose policy asks for others than before."""
    with at_work(workspace) as workspace_id:
        return results.count(workspace_id, moment())


@app.periodic(cron="*/5 * * * *")
@app.task(name="look_at_borders", queueing_lock="look_at_borders")
def look_at_borders(timestamp: int) -> int:
    """Look again at the leads of territories that a new day began or ended; returns how many belong to others now."""
    return in_each_workspace(borders.look_at_days)


@app.task(name=policies.MOVE_OVER, retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def move_over_borders(workspace: str, replaced: str, version: str) -> int:
    """Move the leads that the policy ``version`` gives to others than ``replaced`` did; returns how many."""
    try:
        with at_work(workspace) as workspace_id:
            moves = borders.move_over(workspace_id, UUID(replaced), UUID(version), moment())
            return sum(move.total for move in moves)
    except PolicyVersion.DoesNotExist:
        return 0  # the workspace is no more


@app.task(name=sooner.JOB, retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def bring_forward(workspace: str, replaced: str) -> int:
    """Have leads that were placed by the policy ``replaced`` follow the one in force; returns how many are due sooner."""
    try:
        with at_work(workspace) as workspace_id:
            return sooner.catch_up(workspace_id, UUID(replaced), moment())
    except PolicyVersion.DoesNotExist:
        return 0  # the workspace is no more


@app.task(name=predictions.LEARN, retry=RetryStrategy(max_attempts=2, exponential_wait=3))
def learn_scores(workspace: str, model: str) -> str:
    """Learn a model that was asked for; returns in what state it is."""
    try:
        with at_work(workspace) as workspace_id:
            return predictions.learn(workspace_id, UUID(model), moment).state
    except ScoreModel.DoesNotExist:
        return "gone"  # and the workspace with it


@app.task(name=predictions.RESCORE, retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def rescore_leads(workspace: str, model: str) -> int:
    """Look at open leads again by the model that was switched on, ``""`` for none; returns how many were."""
    try:
        with at_work(workspace) as workspace_id:
            return predictions.rescore(workspace_id, UUID(model) if model else None, moment)
    except ScoreModel.DoesNotExist:
        return 0  # the workspace is no more


@app.task(name=comparing.JOB, retry=RetryStrategy(max_attempts=3, exponential_wait=3))
def compare_policies(workspace: str, comparison: str) -> int:
    """Put past leads through two policies; returns how many leads that were. Done already, or gone: nothing is done."""
    with at_work(workspace):
        asked = Comparison.objects.filter(id=comparison).exclude(state="done").first()
        if asked is None:
            return 0
        try:
            return comparing.go_through(asked).total
        except PolicyRefused as refused:
            # Somebody whom the draft names has left since.
            comparing.fail(asked, str(refused))
            return 0
        except Exception:
            comparing.fail(asked, "")
            raise


@app.periodic(cron="* * * * *")
@app.task(name=nurturing.JOB, queueing_lock=nurturing.JOB)
def send_mails(timestamp: int) -> int:
    """Send the mails that wait to be sent; returns how many were."""
    return in_each_workspace(lambda workspace_id, now: nurturing.send(workspace_id, moment).sent)


def in_each_workspace(do: Callable[[UUID, datetime], int]) -> int:
    """Do this in every workspace, and add up what it returns. What fails in one keeps no other from its turn; it is raised when all have
    had theirs."""
    now, done, failed = moment(), 0, None
    try:
        for workspace_id in Workspace.objects.order_by("id").values_list("id", flat=True):
            try:
                with within(workspace_id):
                    done += do(workspace_id, now)
            except Exception as problem:
                if not connection.is_usable():
                    raise
                failed = failed or problem
        if failed is not None:
            raise failed
        return done
    finally:
        connection.close()
