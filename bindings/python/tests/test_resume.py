# SPDX-License-Identifier: Apache-2.0
"""Payments whose state is kept: killed, stopped and gone on with, here and by ``rill pay``."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import math
import os
import pathlib
import signal
import stat
import subprocess
from fractions import Fraction
from typing import Any, Callable, Dict, List, Optional

import pytest

import rill
from rill._pay import _Paying
from rill._state import Keeper
from support import Both, Node, in_loop, python, until

AMOUNT = 60000
STEP = -(-AMOUNT // 8)
SMALL = rill.Options(max_packet_amount=1)
NOBODY = rill.Credentials("test.nobody.x", bytes(range(32)))
NEW = rill.PaymentState(NOBODY, 100, 0, None, 0, 0, 0, False)
# What the tests kill: it pays by small packets, as slowly as may be.
PAYER = """
import rill, sys
what, state, credentials, link, amount = sys.argv[1:]
options = rill.Options(max_packet_amount=1)
if what == "pay":
    rill.pay(credentials, int(amount), save=state, link=link, options=options)
else:
    rill.resume(state, link=link, options=options)
"""


def read(path: pathlib.Path) -> Optional[rill.PaymentState]:
    try:
        return rill.PaymentState.load(path)
    except FileNotFoundError:
        return None


def under_way(path: pathlib.Path, more_than: int = 0) -> Callable[[], bool]:
    def holds() -> bool:
        state = read(path)
        return state is not None and more_than < state.sent < state.amount

    return holds


class Shop:
    """A server over a node that counts. most: of each stream it takes so much."""

    def __init__(self, node: Node, name: str, most: Optional[int] = None) -> None:
        self.connections: List[rill.Connection] = []
        options = rill.Options(receive_max=most)
        self.listening = rill.listen(self.serve, link=node.uri(name), options=options)
        self.server: rill.Server

    async def __aenter__(self) -> Shop:
        self.server = await self.listening.__aenter__()
        return self

    async def __aexit__(self, *what: Any) -> None:
        await self.listening.__aexit__(*what)

    async def serve(self, connection: rill.Connection) -> None:
        self.connections.append(connection)
        async for stream in connection:
            await stream.read()

    @property
    def received(self) -> int:
        return sum(connection.stats.received for connection in self.connections)


async def ended(process: Any) -> None:
    """Its receiver answers meanwhile."""
    await asyncio.get_running_loop().run_in_executor(None, process.wait)


async def killed(
    node: Node, shop: Shop, folder: pathlib.Path, signals: List[int]
) -> rill.PaymentState:
    """Pays in a process that is killed on its way, and again in one that goes on with it."""
    script, file, credentials = folder / "payer.py", folder / "state", folder / "credentials"
    script.write_text(PAYER, encoding="utf-8")
    shop.server.generate_credentials().save(credentials)
    words = [str(file), str(credentials), node.uri("killed payer"), str(AMOUNT)]
    sent = 0
    for what, number in zip(["pay", "resume", "resume"], signals):
        payer = python(str(script), what, *words)
        try:
            await until(under_way(file, sent))
            payer.send_signal(number)
        finally:
            await ended(payer)
            payer.stdout.close()
        state = rill.PaymentState.load(file)
        assert not state.complete and sent < state.sent < AMOUNT
        sent = state.sent
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    return state


@pytest.mark.parametrize("kills", [1, 2])
@in_loop
async def test_killed_and_gone_on_with(node: Node, tmp_path: pathlib.Path, kills: int) -> None:
    """By another process, which sends what cannot have arrived, and no more."""
    async with Shop(node, f"kills {kills}") as shop:
        file = tmp_path / "state"
        left = await killed(node, shop, tmp_path, [signal.SIGKILL] * kills)
        assert 0 < left.in_doubt <= kills * STEP
        with pytest.raises(rill.ExistsError):
            await rill.pay_async(NOBODY, 1, save=file, link=node.uri("killed payer"))
        with pytest.raises(rill.InDoubtError) as caught:
            await rill.resume_async(file, link=node.uri("killed payer"))
        error = caught.value
        assert error.sent is not None and error.in_doubt == left.in_doubt
        assert error.sent + error.in_doubt == AMOUNT and error.delivered == error.sent
        await until(lambda: shop.connections[-1].closed)
        assert error.sent <= shop.received <= AMOUNT
        now = rill.PaymentState.load(file)
        assert (now.sent, now.in_doubt, now.complete) == (error.sent, error.in_doubt, False)
        # Once more: there is nothing that may be sent, and nobody is asked.
        took = shop.received
        with pytest.raises(rill.InDoubtError) as caught:
            await rill.resume_async(file, link="btp+ws://127.0.0.1:1")
        assert (caught.value.sent, caught.value.in_doubt) == (error.sent, error.in_doubt)
        assert shop.received == took


@in_loop
async def test_stopped_and_gone_on_with(node: Node, tmp_path: pathlib.Path) -> None:
    """What a clean stop leaves is exact: nothing is in doubt, and all of it arrives."""
    async with Shop(node, "stopped") as shop:
        left = await killed(node, shop, tmp_path, [signal.SIGINT])
        assert left.in_doubt == 0 and shop.received == left.sent
        file = tmp_path / "state"
        link = node.uri("stopped payer")

        def resume() -> rill.Payment:
            return rill.resume(file, link=link)

        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(None, resume)
        assert done == rill.Payment(AMOUNT, AMOUNT, 0)
        await until(lambda: shop.received == AMOUNT)
        assert rill.PaymentState.load(file).complete
        # It is complete: nobody is asked, and the name may be used again.
        assert rill.resume(file, link="btp+ws://127.0.0.1:1") == done
        again = await rill.pay_async(
            shop.server.generate_credentials(), 5, save=file, link=link
        )
        assert again.sent == 5 and rill.PaymentState.load(file).amount == 5
        assert not list(tmp_path.glob("*.lock"))


@in_loop
async def test_one_process_at_a_time(node: Node, tmp_path: pathlib.Path) -> None:
    # The first is not done before the others have had their answers.
    async with Shop(node, "one at a time", AMOUNT // 2) as shop:
        file, link = tmp_path / "state", node.uri("two payers")
        credentials = shop.server.generate_credentials()
        first = asyncio.ensure_future(
            rill.pay_async(credentials, AMOUNT, save=file, link=link, options=SMALL)
        )
        await until(under_way(file))
        with pytest.raises(rill.StateError, match="another process"):
            await rill.resume_async(file, link=link)
        with pytest.raises(rill.StateError, match="another process"):
            await rill.pay_async(credentials, 1, save=file, link=link)
        loop = asyncio.get_running_loop()
        said = await loop.run_in_executor(None, by_rill, node, 2, "pay", "--resume", str(file))
        assert "another process" in said
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        state = rill.PaymentState.load(file)
        assert (state.sent, state.in_doubt) == (shop.received, 0) and 0 < state.sent < AMOUNT


def by_rill(node: Node, status: int, *words: str) -> str:
    done = subprocess.run(
        [os.environ["RILL_BIN"] + "/rill", *words, "--link", node.uri("by-rill")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@in_loop
async def test_rill_goes_on_with_it(node: Node, tmp_path: pathlib.Path) -> None:
    async with Shop(node, "for rill") as shop:
        left = await killed(node, shop, tmp_path, [signal.SIGKILL])
        file = tmp_path / "state"
        loop = asyncio.get_running_loop()
        said = await loop.run_in_executor(
            None, by_rill, node, 1, "pay", "--resume", str(file), "--json"
        )
        done = json.loads([line for line in said.splitlines() if line.startswith("{")][-1])
        assert done["event"] == "done" and done["reason"] == "in_doubt", said
        assert int(done["sent"]) + left.in_doubt == AMOUNT
        now = rill.PaymentState.load(file)
        assert (now.sent, now.in_doubt) == (int(done["sent"]), left.in_doubt)


@in_loop
async def test_it_goes_on_with_that_of_rill(node: Node, tmp_path: pathlib.Path) -> None:
    async with Shop(node, "of rill") as shop:
        file, credentials = tmp_path / "state", tmp_path / "credentials"
        shop.server.generate_credentials().save(credentials)
        payer = subprocess.Popen(
            [os.environ["RILL_BIN"] + "/rill", "pay", str(credentials), str(AMOUNT), "--units"]
            + ["--yes", "--save", str(file), "--link", node.uri("rill"), "--max-packet", "1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await until(under_way(file))
        payer.send_signal(signal.SIGINT)
        await ended(payer)
        state = rill.PaymentState.load(file)
        assert 0 < state.sent < AMOUNT and state.in_doubt == 0
        done = await rill.resume_async(file, link=node.uri("rill"), save=file)
        assert done == rill.Payment(AMOUNT, AMOUNT, 0)
        await until(lambda: shop.received == AMOUNT)
        assert "nothing is left to pay" in by_rill(node, 0, "pay", "--resume", str(file))


@in_loop
async def test_a_fixed_delivery_that_goes_on(node: Node, tmp_path: pathlib.Path) -> None:
    async with Shop(node, "fixed") as shop:
        file, link = tmp_path / "state", node.uri("fixed payer")
        task = asyncio.ensure_future(
            rill.pay_async(
                shop.server.generate_credentials(), 10 * AMOUNT, deliver=AMOUNT, save=file,
                link=link, options=SMALL,
            )
        )
        await until(under_way(file))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = rill.PaymentState.load(file)
        assert left.in_doubt == 0 and 0 < left.delivered == shop.received < AMOUNT
        # The rate that was found holds for what follows too.
        assert left.min_rate is not None and Fraction(98, 100) < left.min_rate <= 1
        done = await rill.resume_async(file, link=link)
        assert done == rill.Payment(AMOUNT, AMOUNT, 0) and shop.received == AMOUNT
        # What may have arrived is not paid for again.
        doubt = left._replace(in_doubt=AMOUNT - left.sent - 100)
        with pytest.raises(rill.InDoubtError) as caught:
            await rill.resume_async(doubt, link=link)
        assert (caught.value.sent, caught.value.in_doubt) == (left.sent + 100, doubt.in_doubt)
        worse = left._replace(min_rate=Fraction(101, 100))
        with pytest.raises(rill.RateError) as refused:
            await rill.resume_async(worse, link=link)
        assert refused.value.sent == left.sent


@in_loop
async def test_nothing_leaves_before_it_is_kept() -> None:
    """Each step is kept first: what has left is never more than the latest state says."""
    kept: List[rill.PaymentState] = []

    async with Both(SMALL) as b:
        stream = await b.connection.open_stream()

        async def keep(state: rill.PaymentState) -> None:
            before = stream.totals
            await asyncio.sleep(0.01)
            assert stream.totals.sent == before.sent and stream.totals.send_max == before.send_max
            assert before.sent <= state.sent + state.in_doubt
            kept.append(state)

        state = NEW._replace(amount=803)
        paying = _Paying(b.connection, stream, state, Keeper(keep))
        b.link.lose = lambda packet: (
            "" if stream.totals.send_max <= kept[-1].sent + kept[-1].in_doubt else "unsent"
        )
        await paying.run()
        assert stream.totals.sent == 803
        b.link.lose = None
    assert [state.sent for state in kept] == list(range(0, 803, 101))
    assert [state.in_doubt for state in kept] == [101] * 7 + [96]
    assert not any(state.complete for state in kept)


@in_loop
async def test_in_doubt_is_not_complete() -> None:
    async with Both(rill.Options()) as b:
        stream = await b.connection.open_stream()
        paying = _Paying(b.connection, stream, NEW._replace(deliver=10, in_doubt=4))
        await paying.run()
        # Six are enough, if the four have arrived.
        sums = paying.over(True)
        assert (sums.sent, sums.in_doubt, sums.delivered, sums.complete) == (6, 4, 6, False)


@in_loop
async def test_what_cannot_be_kept_is_not_sent(node: Node, tmp_path: pathlib.Path) -> None:
    async with Shop(node, "not kept") as shop:
        link, states = node.uri("keeps nothing"), []

        def keep(state: rill.PaymentState) -> None:
            states.append(state)
            if len(states) == 3:
                raise OSError("the disk is full")

        with pytest.raises(rill.InputOutputError, match="the disk is full") as caught:
            await rill.pay_async(
                shop.server.generate_credentials(), 800, save=keep, link=link, options=SMALL
            )
        assert isinstance(caught.value.__cause__, OSError)
        assert (caught.value.sent, caught.value.in_doubt) == (200, 0) and shop.received == 200
        # What could be kept later, at the end, is exact.
        assert (states[-1].sent, states[-1].in_doubt, len(states)) == (200, 0, 4)
        done = await rill.resume_async(states[-1], link=link)
        assert done == rill.Payment(800, 800, 0) and shop.received == 800
        missing = tmp_path / "no" / "folder"
        with pytest.raises(FileNotFoundError):
            await rill.pay_async(
                shop.server.generate_credentials(), 800, save=missing, link=link
            )


@in_loop
async def test_a_payment_in_a_file_is_kept_there(node: Node, tmp_path: pathlib.Path) -> None:
    """Kept elsewhere, the file would stay as it is, and the next process would pay again."""
    async with Shop(node, "kept there") as shop:
        file, other, folder = tmp_path / "state", tmp_path / "other", tmp_path / "folder"
        link = node.uri("keeps it there")
        kept: List[rill.PaymentState] = []
        NEW._replace(credentials=shop.server.generate_credentials()).save(file)
        before = file.read_bytes()
        for save in (other, str(other), kept.append):
            with pytest.raises(rill.InvalidError, match="kept there"):
                await rill.resume_async(file, save=save, link=link)
        assert shop.received == 0 and file.read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["state"] and not kept
        # Another way to the same name is the same file.
        folder.symlink_to(tmp_path)
        done = await rill.resume_async(file, save=str(folder / "state"), link=link)
        assert done == rill.Payment(100, 100, 0) and rill.PaymentState.load(file).complete


@in_loop
async def test_an_older_state_is_not_believed(node: Node, tmp_path: pathlib.Path) -> None:
    """It was read before the lock: what the file has is looked at under it."""
    async with Shop(node, "older state") as shop:
        file, link = tmp_path / "state", node.uri("has an older state")
        old = NEW._replace(credentials=shop.server.generate_credentials(), sent=10, in_doubt=20)
        newer = [
            old._replace(sent=11),
            old._replace(in_doubt=21),
            old._replace(sent=9),
            old._replace(complete=True),
        ]
        for state in newer:
            state.save(file)
            with pytest.raises(rill.StateError, match="newer state is in the file"):
                await rill.resume_async(old, save=file, link=link)
            assert rill.PaymentState.load(file) == state
        NEW.save(file)
        with pytest.raises(rill.ExistsError, match="not complete"):
            await rill.resume_async(old, save=file, link=link)
        assert rill.PaymentState.load(file) == NEW
        file.write_text("notes", encoding="utf-8")
        with pytest.raises(rill.ExistsError, match="no payment"):
            await rill.resume_async(old, save=file, link=link)
        assert file.read_text(encoding="utf-8") == "notes" and shop.received == 0
        # The name is free, or has what was given.
        NEW._replace(sent=100, complete=True).save(file)
        with pytest.raises(rill.InDoubtError):
            await rill.resume_async(old, save=file, link=link)
        now = rill.PaymentState.load(file)
        assert (now.credentials, now.sent, now.in_doubt) == (old.credentials, 80, 20)
        assert shop.received == 70
        same = NEW._replace(credentials=shop.server.generate_credentials())
        same.save(file)
        assert (await rill.resume_async(same, save=file, link=link)).sent == 100
        assert rill.PaymentState.load(file).complete and shop.received == 170


@in_loop
async def test_how_long_packets_in_doubt_live_is_kept(node: Node, tmp_path: pathlib.Path) -> None:
    """Who asks the receiver about them waits so long: the longest of all processes."""
    async with Shop(node, "lifetimes") as shop:
        file, link = tmp_path / "state", node.uri("packets that live long")

        async def kept(in_doubt: int, of_before: float, now: float = 30.0) -> float:
            state = NEW._replace(
                credentials=shop.server.generate_credentials(),
                in_doubt=in_doubt,
                packet_lifetime=of_before,
            )
            state.save(file)
            assert rill.PaymentState.load(file) == state
            options = rill.Options(packet_lifetime=now)
            with contextlib.suppress(rill.InDoubtError):
                await rill.resume_async(file, link=link, options=options)
            return rill.PaymentState.load(file).packet_lifetime

        assert await kept(7, 90.0) == 90
        assert await kept(7, 0.3) == 30
        assert await kept(7, 90.0, 3600) == 3600
        assert await kept(7, math.inf) == math.inf
        assert await kept(0, 90.0) == 30
        await rill.pay_async(
            shop.server.generate_credentials(),
            5,
            save=file,
            link=link,
            options=rill.Options(packet_lifetime=45),
        )
        assert rill.PaymentState.load(file).packet_lifetime == 45
    # Of an earlier version: as long as any may.
    members = json.loads(NEW._replace(packet_lifetime=7).to_json())
    assert members.pop("packet_lifetime_ns") == "7000000000"
    assert rill.PaymentState.from_json(json.dumps(members)).packet_lifetime == 3600
    for wrong in ("x", 7, None, "-1", ""):
        with pytest.raises(rill.MalformedError):
            rill.PaymentState.from_json(json.dumps({**members, "packet_lifetime_ns": wrong}))


@in_loop
async def test_what_is_noted_in_the_file_stays(node: Node, tmp_path: pathlib.Path) -> None:
    """Where a state is gone on with that lacks it."""
    async with Shop(node, "notes") as shop:
        file, link = tmp_path / "state", node.uri("has no notes")
        state = NEW._replace(
            credentials=shop.server.generate_credentials(), in_doubt=7, packet_lifetime=90
        )
        url = "https://wallet.example/i/1"
        state._replace(incoming_payment=url, packet_lifetime=7200).save(file)
        with pytest.raises(rill.InDoubtError):
            await rill.resume_async(state, save=file, link=link)
        now = rill.PaymentState.load(file)
        assert (now.sent, now.incoming_payment, now.packet_lifetime) == (93, url, 7200)
        assert shop.received == 93
        # Another payment's is none of ours.
        done = NEW._replace(sent=100, complete=True, incoming_payment=url)
        done.save(file)
        state = state._replace(credentials=shop.server.generate_credentials())
        with pytest.raises(rill.InDoubtError):
            await rill.resume_async(state, save=file, link=link)
        assert rill.PaymentState.load(file).incoming_payment == ""


@in_loop
async def test_a_link_is_not_followed(node: Node, tmp_path: pathlib.Path) -> None:
    """Its lock would be another, and a file would come into its place."""
    async with Shop(node, "no links") as shop:
        real, name, folder = tmp_path / "real", tmp_path / "name", tmp_path / "folder"
        link = node.uri("gives a link")
        state = NEW._replace(credentials=shop.server.generate_credentials())
        state.save(real)
        name.symlink_to(real)
        folder.mkdir()
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        for path, why in ((name, "it is a link"), (folder, "no file"), (pipe, "no file")):
            with pytest.raises(rill.InvalidError, match=why):
                await rill.resume_async(path, link=link)
            with pytest.raises(rill.InvalidError, match=why):
                await rill.resume_async(state, save=path, link=link)
            with pytest.raises(rill.InvalidError, match=why):
                await rill.pay_async(state.credentials, 1, save=path, link=link)
        assert shop.received == 0 and name.is_symlink()
        assert rill.PaymentState.load(real) == state and not list(tmp_path.glob("*.lock"))
        real.unlink()  # it leads nowhere now
        with pytest.raises(rill.InvalidError, match="it is a link"):
            await rill.pay_async(state.credentials, 1, save=name, link=link)
        assert name.is_symlink() and not real.exists()


@in_loop
async def test_a_lock_that_is_lost(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "state"
    lock = tmp_path / "state.lock"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Keeper(file))
        await first.keep(lambda: NEW)
        lock.unlink()
        with pytest.raises(rill.InputOutputError, match="removed the file that locks it"):
            await first.keep(lambda: NEW._replace(sent=1))
        with Keeper(file) as second:
            with pytest.raises(rill.InputOutputError, match="removed the file that locks it"):
                await first.keep(lambda: NEW._replace(sent=2))
            assert rill.PaymentState.load(file) == NEW
            stack.close()
            # The lock of the second is still there, and still a lock.
            assert lock.exists()
            with pytest.raises(rill.StateError, match="another process"):
                stack.enter_context(Keeper(file))
            await second.keep(lambda: NEW._replace(sent=3))
        assert not lock.exists() and rill.PaymentState.load(file).sent == 3


@in_loop
async def test_a_lock_that_is_lost_on_the_way(node: Node, tmp_path: pathlib.Path) -> None:
    """Nothing more is sent than the state says that may have been."""
    async with Shop(node, "lost lock") as shop:
        file = tmp_path / "state"
        paying = asyncio.ensure_future(
            rill.pay_async(
                shop.server.generate_credentials(), AMOUNT, save=file,
                link=node.uri("loses its lock"), options=SMALL,
            )
        )
        await until(under_way(file))
        (tmp_path / "state.lock").unlink()
        with pytest.raises(rill.InputOutputError, match="removed the file that locks it") as caught:
            await paying
        left = rill.PaymentState.load(file)
        assert caught.value.sent == shop.received < AMOUNT and not left.complete
        assert shop.received <= left.sent + left.in_doubt


@pytest.mark.parametrize("where", ["open", "fsync"])
def test_a_folder_that_is_not_on_the_disk(
    where: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new name may be lost then; a file system that cannot say so is believed."""
    number, opened, synced = 0, os.open, os.fsync

    def fail(function: str, is_folder: bool) -> None:
        if function == where and is_folder:
            raise OSError(number, os.strerror(number))

    def open_it(path: Any, flags: int, *more: Any, **words: Any) -> int:
        fail("open", bool(flags & os.O_DIRECTORY))
        return opened(path, flags, *more, **words)

    def sync(handle: int) -> None:
        fail("fsync", stat.S_ISDIR(os.fstat(handle).st_mode))
        synced(handle)

    monkeypatch.setattr(os, "open", open_it)
    monkeypatch.setattr(os, "fsync", sync)
    for number in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES):
        NEW._replace(sent=number).save(tmp_path / "state")
    for number in (errno.EIO, errno.EDQUOT, errno.ENOSPC, errno.EMFILE):
        with pytest.raises(OSError) as caught:
            NEW.save(tmp_path / "state")
        assert caught.value.errno == number
        with pytest.raises(rill.InputOutputError, match=os.strerror(number)):
            asyncio.run(kept_once(tmp_path / "other"))
    assert {path.name for path in tmp_path.iterdir()} == {"state", "other"}


async def kept_once(file: pathlib.Path) -> None:
    with Keeper(file) as keeper:
        await keeper.keep(lambda: NEW)


@in_loop
async def test_more_is_delivered_than_a_state_can_hold() -> None:
    async with Both(rill.Options()) as b:
        stream = await b.connection.open_stream()
        paying = _Paying(b.connection, stream, NEW._replace(delivered=rill.UNLIMITED - 1))
        await paying.run()
        assert paying.sums().delivered == rill.UNLIMITED
        end = paying.over(True)
        assert (end.sent, end.delivered, end.complete) == (100, rill.UNLIMITED, True)
        assert rill.PaymentState.from_json(end.to_json()) == end


@in_loop
async def test_cancelled_while_it_is_kept() -> None:
    """The write goes on, and the next one follows it."""
    kept: List[int] = []

    async def slowly(state: rill.PaymentState) -> None:
        await asyncio.sleep(0.05)
        kept.append(state.sent)

    keeper = Keeper(slowly)
    with keeper:
        first = asyncio.ensure_future(keeper.keep(lambda: NEW))
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await keeper.keep(lambda: NEW._replace(sent=1))
    assert kept == [0, 1]


def test_the_text() -> None:
    state = rill.PaymentState(NOBODY, 2**64 - 1, 7, Fraction(3, 4), 5, 6, 4, True, "https://w/i")
    assert rill.PaymentState.from_json(state.to_json()) == state
    assert rill.PaymentState.from_json(NEW.to_json().encode()) == NEW
    assert "secret>" in repr(state) and "AAEC" not in repr(state)
    assert rill.Credentials.from_json(NEW.to_json()) == NOBODY


WRONG: Dict[str, Any] = {
    "amount": "1.5",
    "deliver": None,
    "sent": "101",
    "in_doubt": "-1",
    "delivered": 5,
    "min_rate": "1/0",
    "complete": "true",
    "shared_secret": "AA==",
    "rill_payment": "1",
}


@pytest.mark.parametrize("name", WRONG)
def test_texts_that_are_none(name: str, node: Node, tmp_path: pathlib.Path) -> None:
    """What is refused here, `rill pay` refuses too."""
    members = json.loads(NEW.to_json())
    members[name] = WRONG[name]
    text = json.dumps(members)
    expected = rill.UnsupportedError if name == "rill_payment" else rill.MalformedError
    with pytest.raises(expected) as caught:
        rill.PaymentState.from_json(text)
    assert "AAEC" not in str(caught.value)
    file = tmp_path / "state"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    assert by_rill(node, 2, "pay", "--resume", str(file))
    with pytest.raises(expected):
        rill.resume(file, link=node.uri("x"))
    with pytest.raises(rill.ExistsError):
        rill.pay(NOBODY, 1, save=file, link=node.uri("x"))


def test_texts_of_no_payment(tmp_path: pathlib.Path) -> None:
    twice = NEW.to_json().replace('"sent":"0"', '"sent":"0","sent":"1"')
    for text in ("", "{}", "[]", "[" * 5000, NOBODY.to_json(), twice):
        with pytest.raises(rill.MalformedError):
            rill.PaymentState.from_json(text)
    file = tmp_path / "long"
    file.write_text(NEW.to_json() + " " * 5000, encoding="utf-8")
    with pytest.raises(rill.MalformedError):
        rill.PaymentState.load(file)
