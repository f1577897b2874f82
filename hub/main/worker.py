"""The worker process. It needs no web framework and loads none."""

import asyncio

from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.delivery.reconcile import Reconciler
from hub.delivery.work import Drains, every
from hub.drift import Guard, Learner
from hub.jobs import listen
from hub.ledger.leases import Heart
from hub.main import Hub
from hub.scheduler import Scheduler

FINISH_S = 25.0
"""How long a worker that is told to stop may go on with what it has begun."""

RECONCILE_S = 10.0
"""How often a worker looks whether something is to be compared: at night, or because somebody asked."""

LEARN_S = 5.0
"""How often a worker reads what came in since, to learn what each stream looks like and to tell where it drifts."""


async def work(opened: Hub) -> None:
    """Wake-ups, sweep and polls, until cancelled; then it finishes what it holds."""
    settings = opened.settings
    heart = Heart(settings.database_url.get_secret_value(), settings.lease_s).start()
    guard, learner = Guard(opened.database, opened.reading), Learner(opened.database, opened.reading)
    preparer = Preparer(opened.database, opened.registry, opened.running.mapping, guard.check)
    deliverer = Deliverer(opened.database, opened.registry, preparer, settings.lease_s, heart)
    scheduler = Scheduler(opened.database, opened.registry, heart)
    reconciler = Reconciler(opened.database, opened.registry, heart)
    drains = Drains(deliverer.drain)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(every(settings.sweep_s, lambda: scheduler.sweep(drains.ask)))
            group.create_task(every(RECONCILE_S, reconciler.run))
            group.create_task(every(LEARN_S, learner.step))
            group.create_task(listen(settings.redis_url.get_secret_value(), drains.ask))
    finally:
        deliverer.stopping.set()
        await scheduler.stop()
        await drains.finish(FINISH_S)
        await asyncio.to_thread(heart.stop)
