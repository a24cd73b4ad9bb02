"""Bringing an interface up, serving it, and undoing everything, whatever ends it.

Rule: a step is done once those before it are; a failure or a signal on the way undoes them, and so does the
end. Users who are to go through the interface are let go by the end only: if it does not come up again after
a crash, they go nowhere. Section: wg-quick(8); journal.py.
"""

from collections.abc import Callable, Iterable
from contextlib import closing

from glasstunnel.host import daemon
from glasstunnel.host.journal import Journal
from glasstunnel.host.loop import Loop
from glasstunnel.host.netlink import Netlink
from glasstunnel.host.setup import Setup
from glasstunnel.operate import users
from glasstunnel.operate.plan import Step

Say = Callable[[str], None]
Prepare = Callable[[Journal, Loop, Netlink], Setup]


def serve(
    name: str,
    prepare: Prepare,
    steps: Callable[[Netlink], Iterable[Step]],
    say: Say,
    ready: Callable[[], None],
    *,
    apart: bool = False,
) -> None:
    """Serve the interface ``name`` until a signal or its deletion ends it.

    Args:
        name: of the interface.
        prepare: makes what the steps change the system through.
        steps: what is to be done first; ``say`` is told each that has words.
        ready: called when it has been done.
        apart: whether the interface is in a namespace of its own.

    Raises:
        HostError: if a step fails or is interrupted, or the loop ends by it; nothing is left then.
    """
    with daemon.interrupted_by(*daemon.ENDING), closing(Loop()) as loop:
        record = Journal(name, apart=apart)
        stands = False

        def let_users_go() -> None:
            if stands:
                users.clear(name)

        record.on_unwind(let_users_go)
        try:
            net = Netlink()
            record.on_unwind(net.close)
            setup = prepare(record, loop, net)
            for step in steps(net):
                if step.text:
                    say(step.text)
                step.do(setup)
        except BaseException:
            with loop.stopped_by(*daemon.ENDING):  # one was heard, or none: now they would only do harm
                record.unwind()
            raise
        with loop.stopped_by(*daemon.ENDING):
            try:
                stands = True
                ready()
                loop.run()
            finally:
                record.unwind()
