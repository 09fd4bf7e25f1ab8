"""All doubles in one event loop: built, started, reset and stopped together."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from infra.local.doubles import smtp
from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.control import Control
from infra.local.doubles.deliveries import Deliveries
from infra.local.doubles.easypost import EasyPostApi
from infra.local.doubles.faults import Faults
from infra.local.doubles.llm import LlmApi
from infra.local.doubles.receiver import ReceiverApi
from infra.local.doubles.shop import ShopApi
from infra.local.doubles.store import Store
from infra.local.doubles.stripe.api import StripeApi
from infra.local.doubles.stripe.ledger import Ledger
from infra.local.doubles.twilio import TwilioApi

BODY_MAX_BYTES = 10_000_000


class Doubles:
    """One set of doubles with its state. Everything happens in the event loop that `run` is entered in."""

    def __init__(self, settings: DoublesSettings) -> None:
        self.settings = settings
        self.store = Store(settings.data_dir / "doubles" / "journal.jsonl" if settings.data_dir else None)
        self.faults = Faults()
        self.deliveries = Deliveries(self.store, settings)
        self.stripe = StripeApi(Ledger(self.store, self.deliveries, settings), self.faults)
        self.twilio = TwilioApi(self.store, self.deliveries, self.faults, settings)
        self.easypost = EasyPostApi(self.store, self.deliveries, self.faults, settings)
        self.llm = LlmApi(self.store, self.faults)
        self.shop = ShopApi(self.store, self.faults)
        self.receiver = ReceiverApi(self.store, self.faults)
        self.http_port = 0
        self.smtp_port = 0

    @property
    def url(self) -> str:
        """Where the doubles listen."""
        return f"http://127.0.0.1:{self.http_port}"

    async def reset(self) -> None:
        """Forget everything and behave."""
        self.deliveries.reset()
        self.twilio.reset()
        self.faults.clear()
        self.llm.script.clear()
        self.receiver.reset()
        self.store.clear()

    @asynccontextmanager
    async def run(self) -> AsyncIterator["Doubles"]:
        """Listen on loopback while the block runs. Raises OSError when a port is taken."""
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.settings.doubles_port)
        try:
            await site.start()
            self.http_port = runner.addresses[0][1]
            mail = await smtp.serve(smtp.Inbox(self.store, self.faults), self.settings.smtp_port)
            self.smtp_port = mail.sockets[0].getsockname()[1]
            await self._resume()
            try:
                yield self
            finally:
                mail.close()
        finally:
            await self.deliveries.stop()
            await self.twilio.stop()
            await runner.cleanup()
            self.store.close()

    async def _resume(self) -> None:
        await self.deliveries.start()
        self.stripe.intents.resume()
        self.stripe.money_back.resume()
        self.twilio.resume()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.add_routes(Control(self).routes())
        for provider in (self.stripe, self.twilio, self.easypost, self.llm, self.shop, self.receiver):
            app.add_routes(provider.routes())
        return app


@contextmanager
def in_thread(settings: DoublesSettings) -> Iterator[Doubles]:
    """The doubles beside a test: in a thread of their own, stopped at the end of the block."""
    doubles = Doubles(settings)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()
    failure: list[BaseException] = []

    async def serve() -> None:
        async with doubles.run():
            ready.set()
            await stopping.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            failure.append(error)
        finally:
            loop.close()
            ready.set()

    thread = threading.Thread(target=run, name="doubles", daemon=True)
    thread.start()
    ready.wait()
    if failure:
        raise failure[0]
    try:
        yield doubles
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
