"""A notebook is run to its end, whatever the messages between it and its kernel meet."""

import asyncio
import time
from queue import Empty

import pytest
import zmq
import zmq.asyncio
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session
from nbformat import v4

from mmgen_course.notebooks import run


@pytest.fixture
def ends():
    """A socket as a kernel holds it, and one as nbclient holds it."""
    with (
        zmq.asyncio.Context() as context,
        context.socket(zmq.DEALER) as client,
        context.socket(zmq.DEALER, socket_class=zmq.Socket) as kernel,
    ):
        port = kernel.bind_to_random_port("tcp://127.0.0.1")
        client.connect(f"tcp://127.0.0.1:{port}")
        yield kernel, client


async def reply_whose_notice_is_lost(channel, kernel, seconds):
    """What a channel gets that waits for a reply; it arrives while its socket sends, past asyncio."""
    session, plain = channel.session, zmq.Socket.shadow(channel.socket.underlying)
    waiting = asyncio.ensure_future(channel.get_msg(timeout=seconds))
    await asyncio.sleep(0.1)
    session.send(kernel, "execute_reply", {"status": "ok"})
    time.sleep(0.3)  # the event loop does not turn: the reply is there, and asyncio has not heard of it
    plain.getsockopt(zmq.EVENTS)  # as a send does
    return await waiting


def test_a_reply_is_found_though_the_notice_of_it_is_lost(ends, monkeypatch):
    monkeypatch.setattr(run, "LOOK_SECONDS", 0.2)
    kernel, client = ends
    channel = run.PollingChannel(client, Session(key=b""))
    assert asyncio.run(reply_whose_notice_is_lost(channel, kernel, 60))["content"] == {"status": "ok"}


def test_without_looking_again_it_is_not_found(ends):
    kernel, client = ends
    channel = AsyncZMQSocketChannel(client, Session(key=b""))
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(reply_whose_notice_is_lost(channel, kernel, 600), 2))


def test_where_no_reply_comes_the_wait_ends(ends, monkeypatch):
    monkeypatch.setattr(run, "LOOK_SECONDS", 0.1)
    channel = run.PollingChannel(ends[1], Session(key=b""))
    with pytest.raises(Empty):
        asyncio.run(channel.get_msg(timeout=0.3))


def test_a_notebook_is_run_over_such_a_channel(monkeypatch):
    used = []
    whole = run.PollingChannel.get_msg

    async def noted(self, timeout=None):
        used.append(self)
        return await whole(self, timeout)

    monkeypatch.setattr(run.PollingChannel, "get_msg", noted)
    assert run.execute(v4.new_notebook(cells=[v4.new_code_cell("1 + 1")])).error is None
    assert used
