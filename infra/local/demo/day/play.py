"""Plays the steps in order."""

import sys
import time

from infra.local.demo.company import company
from infra.local.demo.day import floor, money, office, shop
from infra.local.demo.day.caller import Caller, DayFailed
from infra.local.demo.day.cast import Cast, new_run


def play(base_url: str, caller: Caller | None = None) -> int:
    """The whole day against a running platform with the demo company; 0 when everything was as it should be.

    May be played again and again: every play brings its own customer, orders and calls. Prints what it does.
    `caller`: who makes the calls, None for somebody who expects an answer to each.
    """
    started = time.monotonic()
    print(f"\nA day at {company().organization.name}, through {base_url}", flush=True)
    cast = Cast(caller or Caller(base_url), new_run())
    try:
        shop.open_shop(cast)
        shop.place_orders(cast)
        shop.take_payments(cast)
        money.take_other_payments(cast)
        picker = floor.make_wave(cast)
        floor.pick(cast, picker)
        floor.pack_and_ship(cast)
        office.integrate(cast)
        office.answer_the_phone(cast)
        office.keep_the_catalogue(cast)
        office.check_books(cast)
    except DayFailed as failed:
        print(f"\nThe day ended early: {failed}.", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"\nThe platform at {base_url} does not answer: {error}.", file=sys.stderr, flush=True)
        return 1
    print(f"\nThe day took {time.monotonic() - started:.1f} seconds.\n", flush=True)
    return 0
