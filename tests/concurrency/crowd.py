"""Reps as processes of their own, each with its own connections, all on the test's PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.db import connection

from tests.running import PATIENCE

_SPAWN = multiprocessing.get_context("spawn")


def database_url() -> str:
    """The test database's address, for a process that starts afresh."""
    settings = connection.settings_dict
    name = quote(settings["NAME"])
    return (
        f"postgres://{quote(settings['USER'])}@/{name}?host={quote(settings['HOST'])}&port={settings['PORT'] or 5432}"
    )


class Crowd:
    """Processes that run ``work(job)`` for each job they are sent and answer with what it returned."""

    def __init__(self, size: int, work: Callable[[Any], Any]) -> None:
        self._pipes = []
        self.processes = []
        self._barrier = _SPAWN.Barrier(size)  # kept: the children open it by name
        for _ in range(size):
            ours, theirs = _SPAWN.Pipe()
            process = _SPAWN.Process(target=_serve, args=(database_url(), work, theirs, self._barrier), daemon=True)
            process.start()
            theirs.close()  # so that one that ends is noticed
            self._pipes.append(ours)
            self.processes.append(process)

    def all(self, jobs: Sequence[Any]) -> list[Any]:
        """Give each process one job; they start at the same moment. Returns their answers; an error in one is raised here."""
        for pipe, job in zip(self._pipes, jobs, strict=True):
            pipe.send(job)
        answers = []
        for pipe in self._pipes:
            error, answer = pipe.recv()
            if error:
                raise AssertionError(error)
            answers.append(answer)
        return answers

    def send(self, number: int, job: Any) -> None:
        """Give one process a job and do not wait for it."""
        self._pipes[number].send(job)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(url: str, work: Callable[[Any], Any], pipe: Any, barrier: Any) -> None:
    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "dibs.config.settings"
    import django

    django.setup()
    while True:
        job = pipe.recv()
        if barrier.parties > 1:
            barrier.wait(PATIENCE)
        try:
            pipe.send((None, work(job)))
        except Exception as problem:  # the test process is the one to fail
            pipe.send((f"{type(problem).__name__}: {problem}", None))


def _claim(caller: Any, lead: UUID, now: datetime) -> Any:
    """Claim a lead, again whenever the answer is that the rep was too busy: how often that comes is up to the machine."""
    from dibs.distribution.claiming import Refused, claim_lead

    while isinstance(answer := claim_lead(caller, lead, now), Refused) and answer.refusal.code == "too_busy":
        pass
    return answer


def claim_all_one_can(job: tuple[UUID, UUID, list[UUID], str | None, int, datetime]) -> Counter[str]:
    """Try these leads in a random order, then "next" of the pool until it is empty; what came of it, by answer."""
    from dibs.distribution.claiming import Claimed, Empty, Refused, claim_next
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    workspace_id, user_id, leads, pool, seed, now = job
    caller = caller_of(User.objects.get(id=user_id, workspace_id=workspace_id))
    wanted = random.Random(seed).sample(leads, len(leads))
    came: Counter[str] = Counter()

    def count(answer: object) -> None:
        if isinstance(answer, Claimed):
            came["claimed"] += 1
        elif isinstance(answer, Refused):
            came[answer.refusal.code] += 1
        else:
            came["unknown"] += 1

    for lead in wanted:
        count(_claim(caller, lead, now))
    while pool is not None:
        answer = claim_next(caller, pool, now)
        if not isinstance(answer, Claimed):
            came["empty" if isinstance(answer, Empty) else "stopped"] += 1
            break
        count(answer)
    return came


def tick_or_claim(job: tuple[str, Any, datetime]) -> Counter[str]:
    """One process's part: tick until nothing is due, or claim what it can."""
    from dibs.distribution.ticking import tick

    kind, rest, now = job
    if kind == "claim":
        return claim_all_one_can((*rest, now))
    moved: Counter[str] = Counter()
    for _ in range(30):
        moved += tick(now, batch=25, batches=3).moved
    return moved


def work_all_one_can(job: tuple[UUID, UUID, list[UUID], int, datetime]) -> Counter[str]:
    """Claim these leads in a random order, contact each twice over and convert it; how often each was done."""
    from dibs.distribution.acting import Acted, contact, convert
    from dibs.distribution.claiming import Claimed
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    workspace_id, user_id, leads, seed, now = job
    caller = caller_of(User.objects.get(id=user_id, workspace_id=workspace_id))
    came: Counter[str] = Counter()
    for lead in random.Random(seed).sample(leads, len(leads)):
        came["claimed"] += isinstance(_claim(caller, lead, now), Claimed)
        for act in (contact, contact, convert):
            came[act.__name__] += isinstance(act(caller, lead, now), Acted)
    return came


def move_tick_or_work(job: tuple[str, Any, datetime]) -> Counter[str]:
    """One process's part: carry a move on, tick, claim what waits, or work what a rep has. ``rest`` as its part needs it."""
    from dibs.distribution import acting, moving_on
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    kind, rest, now = job
    if kind == "move":
        moving_on.CHUNK = 20
        return Counter(looked_at=moving_on.carry_on(*rest, lambda: now))
    if kind != "work":
        return tick_or_claim(job)
    workspace_id, user_id, leads, seed = rest
    caller = caller_of(User.objects.get(id=user_id, workspace_id=workspace_id))
    wanted = random.Random(seed).sample(leads, len(leads))
    return Counter(contacted=sum(isinstance(acting.contact(caller, lead, now), acting.Acted) for lead in wanted))


def look_closer(job: tuple[UUID, UUID, list[UUID], int, datetime]) -> Counter[str]:
    """Open or skip these leads in a random order; the answers' names."""
    from dibs.distribution.acting import open_lead, skip
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    workspace_id, user_id, leads, seed, now = job
    caller = caller_of(User.objects.get(id=user_id, workspace_id=workspace_id))
    chance = random.Random(seed)
    wanted = chance.sample(leads, len(leads))
    return Counter(type(chance.choice((open_lead, skip))(caller, lead, now)).__name__ for lead in wanted)


def skip_one(job: tuple[UUID, UUID, UUID, datetime]) -> str:
    """Skip one lead; the answer's name."""
    from dibs.distribution.acting import skip
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    workspace_id, user_id, lead_id, now = job
    return type(skip(caller_of(User.objects.get(id=user_id, workspace_id=workspace_id)), lead_id, now)).__name__


def look_at_floors_or_claim(job: tuple[int, Any, datetime]) -> Counter[str]:
    """Part 0 is a worker who looks at the claim floors; the others claim what they can."""
    from dibs.distribution.floors import look_at_floors

    part, rest, now = job
    if part:
        return claim_all_one_can((*rest, now))
    return Counter(short=look_at_floors(rest[0], now).short)


def one_of_these(job: tuple[str, Any]) -> Any:
    """Do what is named, so that one crowd is enough for many tests: starting it is most of what they cost."""
    name, rest = job
    return globals()[name](rest)
