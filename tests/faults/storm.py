"""``make storm``: kills at random moments of the day, on one stage whose data go on from round to round.

Each round has a seed, which decides what is killed, how and when; `SEED=...` runs the one round that it names. A round
fails when anything is lost, doubled or stuck; the stage is then left as it is for looking, and the next round has a new one.
"""

import os
import random
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.postgres import free_port
from infra.local.supervisor import last_words
from tests.faults import books, settle
from tests.faults.rig import Rig, RigFailure

EVERYTHING = "everything"
TARGETS = {
    EVERYTHING: 50,
    "everything, twice": 6,
    "gateway": 8,
    "gateway workers": 6,
    "pumps": 9,
    "postgres": 7,
    "postgres backends": 3,
    "aws": 5,
    "doubles": 4,
    "iot": 1,
    "robots": 1,
}
"""What is killed, and how often among a hundred."""
PLENTY_SKUS = 100


@dataclass
class Round:
    """One round: what its seed says, and how it went."""

    number: int
    seed: int
    target: str = field(init=False)
    moment: float = field(init=False)
    """When it happens, as a share of the day: replaying it on a slower machine hits about the same."""
    again_s: float = field(init=False)
    after_s: float = 0.0
    recovery_s: float = 0.0
    verdict: str = ""

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.target = chance.choices(list(TARGETS), weights=list(TARGETS.values()))[0]
        self.moment = chance.random()
        self.again_s = chance.uniform(0.0, 4.0)

    def line(self) -> str:
        """What one reads while it goes."""
        return (
            f"  {self.number:>4}  seed {self.seed:<10}  {self.target:<18} after {self.after_s:4.1f} s, "
            f"whole again in {self.recovery_s:5.1f} s   {self.verdict}"
        )


def play(rig: Rig, round_: Round) -> None:
    """One round. Raises RigFailure when something does not hold."""
    replenish(rig)
    round_.after_s = round_.moment * rig.day_s
    if round_.target.startswith(EVERYTHING):
        _kill_everything(rig, round_)
    else:
        _kill_one(rig, round_)
    round_.verdict = books.check(rig)


def _kill_everything(rig: Rig, round_: Round) -> None:
    """The day is cut off, its callers too: what they began must be whole without them."""
    with rig.day():
        time.sleep(round_.after_s)  # the moment of chance
        rig.kill()
    started = time.monotonic()
    if round_.target != EVERYTHING:
        rig.begin()
        time.sleep(round_.again_s)  # another one
        rig.kill()
    rig.start()
    settle.work_off(rig)
    round_.recovery_s = time.monotonic() - started


def _kill_one(rig: Rig, round_: Round) -> None:
    """The day goes on to its end: its callers repeat what was not answered."""
    name, _, children = round_.target.partition(" ")
    with rig.day() as day:
        time.sleep(round_.after_s)  # the moment of chance
        started = time.monotonic()
        (rig.kill_workers if children else rig.kill_part)(name)
        settle.see_through(rig, day)
    rig.wait_up()
    settle.work_off(rig)
    round_.recovery_s = time.monotonic() - started


def replenish(rig: Rig) -> None:
    """Starts over with full shelves when the days before have sold too much."""
    (left,) = rig.rows("SELECT count(*) AS skus FROM availability WHERE on_hand - held >= 20")
    if left["skus"] < PLENTY_SKUS:
        rig.reset()


def main() -> int:
    """Plays the rounds that the environment asks for; 0 when all were whole."""
    first, rounds = int(os.environ.get("SEED") or 0), int(os.environ.get("ROUNDS") or 10)
    seeds = [first] if first else [random.SystemRandom().randrange(1, 10**9) for _ in range(rounds)]
    port = int(os.environ.get("PORT") or free_port())
    print(f"{len(seeds)} rounds; replay one with SEED=... make storm", flush=True)
    started, failed = time.monotonic(), []
    folder = Path(tempfile.mkdtemp(prefix="quartermaster-storm-"))
    rig: Rig | None = None
    for number, seed in enumerate(seeds, 1):
        round_ = Round(number, seed)
        rig = rig or _fresh(folder / f"from-{number}", port)
        if not _survives(rig, round_):
            failed.append(round_)
            rig = None
    if rig is not None:
        rig.remove()
    if not failed:
        folder.rmdir()
    print(_told(len(seeds), failed, time.monotonic() - started), flush=True)
    return 1 if failed else 0


def _fresh(data_dir: Path, port: int) -> Rig:
    rig = Rig(data_dir, port)
    print(f"        a stage on {data_dir} ...", flush=True)
    rig.start()
    settle.work_off(rig)
    return rig


def _survives(rig: Rig, round_: Round) -> bool:
    """Whether the round went well. What a stage that did not get through has written is kept."""
    try:
        play(rig, round_)
    except Exception as error:
        round_.verdict = f"FAILED  {type(error).__name__}: {error}"
        if not isinstance(error, RigFailure):
            traceback.print_exc()
        rig.stop()
        print(f"{round_.line()}\n        kept in {rig.data_dir}; the day said: {last_words(rig.day_log)}", flush=True)
        return False
    print(round_.line(), flush=True)
    return True


def _told(rounds: int, failed: list[Round], seconds: float) -> str:
    if not failed:
        return f"{rounds} rounds in {seconds:.0f} s: nothing lost, nothing doubled, nothing stuck."
    seeds = " ".join(str(round_.seed) for round_ in failed)
    return f"{len(failed)} of {rounds} rounds failed in {seconds:.0f} s; their seeds: {seeds}"


if __name__ == "__main__":
    sys.exit(main())
