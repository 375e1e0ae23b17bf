"""Several processes on one store: they open it together, and take turns."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier
from pathlib import Path

from tastemap.web import FeedbackStore
from tests.web.feedback.witness import PROCESSES

N = 4


def work(address: str, together: Barrier, number: int, report: Path) -> None:
    """Open, rate 500 items of its own, one that all rate, and one with a key that all have."""
    together.wait(timeout=60)
    with FeedbackStore.open(address) as store:
        waiting = [store.rate(f"user{number}", f"item{n}", n) for n in range(500)]
        waiting.append(store.rate("all", "one", number, at=0))
        keyed = store.rate("all", "keyed", 3, at=0, key="shared")
        for one in waiting:
            one.result()
        report.write_text(str(int(keyed.result().replayed)))


def test_processes_that_open_and_write_together_do_not_lose_anything(
    address: str, tmp_path: Path
) -> None:
    together = PROCESSES.Barrier(N)
    reports = [tmp_path / f"report{number}" for number in range(N)]
    workers = [
        PROCESSES.Process(
            target=work, args=(address, together, number, reports[number]), daemon=True
        )
        for number in range(N)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert [worker.exitcode for worker in workers] == [0] * N
    # One of them wrote what the key stands for, the others were told that it is there.
    assert sorted(report.read_text() for report in reports) == ["0", "1", "1", "1"]
    with FeedbackStore.open(address) as store:
        assert store.counts().ratings == N * 500 + 2
        for number in range(N):
            assert len(store.of_user(f"user{number}").ratings) == 500


def test_what_one_process_acknowledged_another_reads(address: str) -> None:
    with FeedbackStore.open(address) as one, FeedbackStore.open(address) as other:
        for n in range(50):
            one.rate("anna", "alien", n).result()
            assert other.of_user("anna").ratings["alien"].value == n
            other.remove("anna", "alien").result()
            assert one.of_user("anna").removed == {"alien"}
