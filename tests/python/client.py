"""A client of protocol 2, written from docs/protocol.md alone.

`Copy` is what a client holds of the server's data, and knows no socket. `Client` keeps a copy equal to the
server's while connections break, and sends what its user does until it is acknowledged. Run as a program, it
takes part in its user's conversations and prints what it holds: see `take_part`.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import threading
import uuid
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

import aiohttp
import socketio

ANSWER_SECONDS = 10
COMPARE_SECONDS = 120
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.1, 5
DELETED_WITH_EPOCH = "The server's data has been replaced, and the message with it."


class Refused(Exception):
    """The server will not do a request: `failure` is a sentence for the user, `code` is for programs."""

    def __init__(self, answer):
        super().__init__(answer["failure"])
        self.failure, self.code, self.retry_after = answer["failure"], answer["code"], answer.get("retry_after")


class WrongForm(Exception):
    """The server refuses a form, as it does for a wrong password."""


class NotLoggedIn(Exception):
    """The cookie is nobody's, or not that of the person whose data is held."""


class Disconnected(Exception):
    """The connection has ended, or can no longer be relied on."""


@dataclass
class Conversation:
    """What is held of one conversation: everything up to `version`, and perhaps a part of what came later."""

    version: int
    state: dict
    messages: dict[int, dict] = field(default_factory=dict)
    # The version that an event has shown to exist. Above `version`, changes are missing.
    announced: int = 0
    # The id down to which the older messages are held: None before the first page, 0 at the beginning.
    history_from: int | None = 0

    @property
    def is_complete(self):
        return self.announced <= self.version and self.history_from == 0

    def merge(self, state, messages):
        """Keeps the higher version of each state. That alone does not raise `version`."""
        if state["version"] >= self.state["version"]:
            # The name comes only with answers, and with the first event of a conversation.
            self.state = {"username": self.state.get("username"), **without_nulls(state)}
        for message in messages:
            held = self.messages.get(message["id"])
            if held is None or held["version"] < message["version"]:
                self.messages[message["id"]] = message


class Copy:
    """What a client holds: conversations by the partner's id, and the requests that are not acknowledged."""

    def __init__(self, path=None):
        """Loads the file at `path`, where `save` has written one; without a path, nothing survives."""
        self.path = path
        self.user_id, self.epoch = None, None
        self.conversations: dict[int, Conversation] = {}
        self.outbox: list[dict] = []
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self._load(json.load(file))

    def _load(self, saved):
        self.user_id, self.epoch, self.outbox = saved["user_id"], saved["epoch"], saved["outbox"]
        for held in saved["conversations"]:
            messages = {message["id"]: message for message in held.pop("messages")}
            self.conversations[held["state"]["partner_id"]] = Conversation(messages=messages, **held)

    def save(self):
        """Replaces the file as a whole, so that one moment's versions and messages stand in it."""
        if not self.path:
            return
        conversations = [
            {**asdict(held), "messages": list(held.messages.values())} for held in self.conversations.values()
        ]
        saved = {"user_id": self.user_id, "epoch": self.epoch, "conversations": conversations, "outbox": self.outbox}
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(saved, file)
        os.replace(self.path + ".new", self.path)

    def forget(self):
        self.user_id, self.epoch = None, None
        self.conversations.clear()

    @property
    def is_complete(self):
        return all(held.is_complete for held in self.conversations.values())

    @property
    def known(self):
        """The version up to which each conversation is held. Without an epoch the server counts none of them,
        and an event may come before the first answer has told the epoch.
        """
        if self.epoch is None:
            return {}
        return {partner_id: held.version for partner_id, held in self.conversations.items()}

    def apply_event(self, event):
        """Takes a `changed`."""
        state, message = event["conversation"], event.get("message")
        held = self.conversations.get(state["partner_id"])
        if held is None:
            self.conversations[state["partner_id"]] = Conversation(0, state, announced=state["version"])
            return
        if state["version"] <= held.version:
            return
        held.merge(state, [message] if message else [])
        if event["after"] == held.version:
            held.version = state["version"]
        else:
            held.announced = max(held.announced, state["version"])

    def apply_catch_up(self, answer, known):
        """Takes an answer to `catch_up` that named the conversations in `known`."""
        self.user_id, self.epoch = answer["user_id"], answer["epoch"]
        # Since the question, an event may have shown a conversation that the question did not name.
        for changed in answer["conversations"]:
            self.apply_answer(changed, changed["conversation"]["partner_id"] in known)

    def apply_answer(self, changed, is_since_held=True):
        """Takes an item of `catch_up`, or an answer to `get_changes`.

        `is_since_held` tells that the question gave a version up to which the conversation is held.
        """
        state, complete_to = changed["conversation"], changed["complete_to"]
        held = self.conversations.get(state["partner_id"])
        if held is None:
            # Of a conversation that the question did not name, there are no messages in the answer.
            held = self.conversations[state["partner_id"]] = Conversation(complete_to, state, history_from=None)
        held.merge(state, changed["messages"])
        if is_since_held:
            held.version = max(held.version, complete_to)
        if changed["more"] or not is_since_held:
            held.announced = max(held.announced, state["version"])

    def apply_history(self, page):
        """Takes a page of history. It says nothing of changes outside the page, so `version` stays."""
        held = self.conversations[page["conversation"]["partner_id"]]
        held.merge(page["conversation"], page["messages"])
        held.history_from = page["messages"][-1]["id"] if page["more"] else 0

    def state(self):
        """All that is held, to be compared with another device's or printed."""
        return {
            str(partner_id): {
                "version": held.version,
                "state": held.state,
                "messages": {
                    str(message["id"]): {
                        "version": message["version"],
                        "sender_id": message["sender_id"],
                        "text": message["text"],
                        "deleted": message.get("deleted_at") is not None,
                    }
                    for message in sorted(held.messages.values(), key=lambda message: message["id"])
                },
            }
            for partner_id, held in sorted(self.conversations.items())
        }


class Client:
    """One device of a person. `run` keeps it connected; everything else may be called at any time."""

    def __init__(self, url, name, password, path=None, transport="websocket"):
        """`url` is the chat's address. `path` is a file for what is to survive a restart."""
        self.url, self.name, self.password, self.transport = url.rstrip("/"), name, password, transport
        self.copy = Copy(path)
        self.is_ready = False
        self.refused: list[tuple[dict, Refused]] = []
        self.done: list[tuple[dict, dict]] = []
        self._futures: dict[int, asyncio.Future] = {}
        self._waiters: list[asyncio.Future] = []
        self._rounds_asked = self._rounds_begun = self._rounds_done = 0
        self._is_logged_in, self._logging_in = False, asyncio.Lock()
        self._browser = self._socket = self._end = None

    # What the user does. Each gives a future with the answer; a refusal is its exception.

    def send(self, partner_id, text):
        return self._enqueue("send_message", partner_id=partner_id, text=text, client_id=str(uuid.uuid4()))

    def edit(self, partner_id, message_id, text):
        client_id = str(uuid.uuid4())
        return self._enqueue(
            "edit_message", partner_id=partner_id, message_id=message_id, text=text, client_id=client_id
        )

    def delete(self, partner_id, message_id):
        return self._enqueue("delete_message", partner_id=partner_id, message_id=message_id)

    def mark_read(self, partner_id, up_to_id):
        return self._enqueue("mark_read", partner_id=partner_id, up_to_id=up_to_id)

    def mark_delivered(self, partner_id, up_to_id):
        return self._enqueue("mark_delivered", partner_id=partner_id, up_to_id=up_to_id)

    def set_blocked(self, partner_id, blocked):
        return self._enqueue("set_blocked", partner_id=partner_id, blocked=blocked)

    def compare(self):
        """Asks whether anything was missed, as when an application comes to the front."""
        self._rounds_asked = self._rounds_begun + 1
        self._notify()

    async def settle(self):
        """Returns when everything is acknowledged, and everything that was stored by then is held."""
        await self.wait_until(lambda: not self.copy.outbox)
        self.compare()
        round_asked = self._rounds_asked
        await self.wait_until(lambda: self._rounds_done >= round_asked and self.copy.is_complete)

    async def wait_until(self, is_so):
        """Returns when `is_so()`, which is asked whenever anything has changed."""
        while not is_so():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _notify(self):
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # The forms.

    async def register(self):
        await self._post("/register", username=self.name, password=self.password, confirmation=self.password)

    async def find(self, name):
        """The id of the person who is called `name`, or None."""
        await self._log_in()
        async with self._browser.post(self.url + "/find", json={"username": name}) as response:
            response.raise_for_status()
            return next((user["id"] for user in await response.json() if user["username"] == name), None)

    async def open_chat(self, partner_id):
        """Opens a chat, without which nothing can be sent."""
        await self._log_in()
        await self._post("/add", id=str(partner_id))
        self.compare()

    async def _log_in(self):
        async with self._logging_in:
            if not self._is_logged_in:
                await self._post("/login", username=self.name, password=self.password)
                self._is_logged_in = True

    async def _post(self, path, **form):
        if self._browser is None:
            # The cookies of an address without a name are kept only by an "unsafe" jar.
            self._browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        async with self._browser.post(self.url + path, data=form, allow_redirects=False) as response:
            if response.status == 429 or response.status >= 500:
                raise Disconnected(f"{path} was answered with {response.status}")
            if response.status != 302:
                raise WrongForm(f"{path} was answered with {response.status}")

    # The connection.

    async def run(self):
        """Connects, and connects again, until it is cancelled. Raises `WrongForm` for a wrong password."""
        pause = PAUSE_SECONDS_MIN
        try:
            while True:
                try:
                    await self._log_in()
                    await self._stay_connected()
                except NotLoggedIn:
                    self._is_logged_in = False
                    self._browser.cookie_jar.clear()
                except (Disconnected, OSError, asyncio.TimeoutError, aiohttp.ClientError, socketio.exceptions.SocketIOError):
                    pass
                pause = PAUSE_SECONDS_MIN if self.is_ready else min(pause * 2, PAUSE_SECONDS_MAX)
                self.is_ready = False
                # A crowd that was cut off together comes back one after the other.
                await asyncio.sleep(pause * random.uniform(0.5, 1))
        finally:
            self.copy.save()
            await self.close()

    async def close(self):
        """Closes what a form has opened where nothing runs."""
        if self._browser:
            await self._browser.close()

    def cut(self):
        """Ends the connection, as a lost network does. `run` connects again."""
        if self._end and not self._end.done():
            self._end.set_result(None)

    async def _stay_connected(self):
        """One connection, from the handshake until it ends. A new socket has nothing buffered."""
        self._end = asyncio.get_running_loop().create_future()
        refusals = []
        self._socket = socketio.AsyncClient(reconnection=False, http_session=self._browser, handle_sigint=False)
        self._socket.on("changed", self._take_event)
        self._socket.on("disconnect", lambda _reason: self.cut())
        self._socket.on("connect_error", lambda error: refusals.append(error))
        try:
            connecting = self._socket.connect(
                self.url,
                auth={"protocol": 2},
                transports=[self.transport],
                socketio_path=urlsplit(self.url).path.strip("/") + "/socket.io",
                wait_timeout=ANSWER_SECONDS,
            )
            # The library itself waits for a server's first packet without a limit.
            await within(2 * ANSWER_SECONDS, connecting)
            await self._first_to_end(self._until_the_end(), self._keep_reading(), self._keep_sending())
        except socketio.exceptions.ConnectionError:
            if any(isinstance(error, dict) and error.get("message") == "not logged in" for error in refusals):
                raise NotLoggedIn from None
            raise
        finally:
            try:
                await within(ANSWER_SECONDS, self._socket.disconnect())
            except (asyncio.TimeoutError, socketio.exceptions.SocketIOError):
                pass

    async def _first_to_end(self, *coroutines):
        """Raises what the first of them raises, after the others have ended, too."""
        tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_the_end(self):
        await self._end
        raise Disconnected

    async def _ask(self, event, payload):
        """The acknowledgement of one request. Raises `Refused`, or `Disconnected` when none comes in time."""
        answer = asyncio.get_running_loop().create_future()
        take = lambda *arguments: answer.done() or answer.set_result(arguments[0])
        await self._socket.emit(event, payload, callback=take)
        try:
            answer = await within(ANSWER_SECONDS, answer)
        except asyncio.TimeoutError:
            raise Disconnected(f"{event} was not acknowledged") from None
        if "failure" not in answer:
            return answer
        if answer["code"] == "unauthenticated":
            raise NotLoggedIn
        raise Refused(answer)

    async def _ask_patiently(self, event, payload):
        """The same, asking again after a refusal that is not final."""
        while True:
            try:
                return await self._ask(event, payload)
            except Refused as refusal:
                if refusal.code not in ("unavailable", "too_often"):
                    raise
                await asyncio.sleep(refusal.retry_after or 1)

    # Reading. One question at a time, so that nothing but events comes between a question and its answer.

    def _take_event(self, event):
        self.copy.apply_event(event)
        self._notify()

    async def _keep_reading(self):
        self.compare()
        while True:
            if self._rounds_asked > self._rounds_begun:
                self._rounds_begun = self._rounds_asked
                await self._catch_up()
                self._rounds_done = self._rounds_begun
                self.is_ready = True
            for partner_id, held in list(self.copy.conversations.items()):
                if not held.is_complete:
                    await self._complete(partner_id, held)
            self.copy.save()
            self._notify()
            try:
                await within(COMPARE_SECONDS, self.wait_until(self._is_behind))
            except asyncio.TimeoutError:
                self.compare()

    def _is_behind(self):
        return self._rounds_asked > self._rounds_begun or not self.copy.is_complete

    async def _catch_up(self):
        copy = self.copy
        while True:
            known = copy.known
            digest = {"conversations": len(known), "versions": sum(known.values())}
            question = {"known": list(known.items())}
            if copy.epoch is not None:
                question |= {"epoch": copy.epoch, "digest": digest}
            answer = await self._ask_patiently("catch_up", question)
            if copy.user_id not in (None, answer["user_id"]):
                self._forget_person()
                raise NotLoggedIn
            if copy.epoch not in (None, answer["epoch"]):
                self._forget_epoch()
                continue
            copy.apply_catch_up(answer, known)
            if not answer["more"]:
                return

    async def _complete(self, partner_id, held):
        while held.announced > held.version:
            question = {"partner_id": partner_id, "since": held.version}
            self.copy.apply_answer(await self._ask_patiently("get_changes", question))
        while held.history_from != 0:
            question = {"partner_id": partner_id}
            if held.history_from is not None:
                question["before_id"] = held.history_from
            self.copy.apply_history(await self._ask_patiently("get_history", question))

    def _forget_person(self):
        """Another person is logged in: nothing of the former may be shown or sent."""
        self.copy.forget()
        for request in list(self.copy.outbox):
            self._finish(request, NotLoggedIn())

    def _forget_epoch(self):
        """The ids of messages mean nothing any more. A message that is to be sent has none."""
        self.copy.forget()
        for request in list(self.copy.outbox):
            if request["event"] != "send_message":
                self._finish(request, Refused({"failure": DELETED_WITH_EPOCH, "code": "not_found"}))

    # Writing. One request at a time, the oldest first, so that a message sent again keeps its place.

    def _enqueue(self, event, **payload):
        request = {"event": event, "payload": payload}
        future = self._futures[id(request)] = asyncio.get_running_loop().create_future()
        # Nobody need wait for it.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.copy.outbox.append(request)
        self.copy.save()
        self._notify()
        return future

    async def _keep_sending(self):
        await self.wait_until(lambda: self.is_ready)
        while True:
            await self.wait_until(lambda: self.copy.outbox)
            request = self.copy.outbox[0]
            try:
                answer = await self._ask_patiently(request["event"], request["payload"])
            except Refused as refusal:
                self._finish(request, refusal)
            else:
                self._finish(request, answer)

    def _finish(self, request, outcome):
        # An event with the change comes, too. The answer is not needed for the copy.
        self.copy.outbox.remove(request)
        self.copy.save()
        future = self._futures.pop(id(request), None)
        if isinstance(outcome, Refused):
            self.refused.append((request, outcome))
        if isinstance(outcome, dict):
            self.done.append((request, outcome))
        if future and not future.done():
            if isinstance(outcome, Exception):
                # Its traceback is the sender's, which goes on. Whoever clears the frames would end it.
                future.set_exception(outcome.with_traceback(None))
            else:
                future.set_result(outcome)
        self._notify()


async def within(seconds, awaitable):
    """What `awaitable` gives, or `TimeoutError`.

    `asyncio.wait_for` does the same, but before Python 3.12 it loses a cancellation that comes together with
    the result. A task of a connection that has ended would go on then.
    """
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()


def without_nulls(fields):
    return {name: value for name, value in fields.items() if value is not None}


# The command-line form.


async def take_part(client, seconds, chance):
    """Writes, edits, deletes and marks at random in the user's conversations, over bad connections.

    `chance` is a `random.Random`. The requests are left in the outbox; `settle` waits for them.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await client.wait_until(lambda: client.is_ready and client.copy.conversations)
    count = 0
    while loop.time() < end:
        await asyncio.sleep(chance.uniform(0, 0.1))
        if chance.random() < 0.02:
            client.cut()
        if len(client.copy.outbox) >= 20:
            continue
        partner_id = chance.choice(sorted(client.copy.conversations))
        messages = client.copy.conversations[partner_id].messages.values()
        own = [row["id"] for row in messages if row["sender_id"] != partner_id and row.get("deleted_at") is None]
        others = [row["id"] for row in messages if row["sender_id"] == partner_id]
        count += 1
        text = f"{client.name} wrote {count} in Python"
        action = chance.choices(["send", "edit", "delete", "read", "delivered"], [5, 2, 1, 1, 1])[0]
        if action == "send":
            client.send(partner_id, text)
        elif action == "edit" and own:
            client.edit(partner_id, chance.choice(own[-10:]), text)
        elif action == "delete" and own:
            client.delete(partner_id, chance.choice(own[-10:]))
        elif action == "read" and others:
            client.mark_read(partner_id, chance.choice(others[-10:]))
        elif action == "delivered" and others:
            client.mark_delivered(partner_id, chance.choice(others[-10:]))


async def line_on_stdin():
    """Returns when something has come on stdin, or stdin has ended."""
    loop = asyncio.get_running_loop()
    come = loop.create_future()

    def read():
        os.read(sys.stdin.fileno(), 4096)
        loop.call_soon_threadsafe(come.set_result, None)

    # A daemon, so that the program may end without a line. It must not hold the lock of `sys.stdin` then.
    threading.Thread(target=read, daemon=True).start()
    await come


async def main():
    parser = argparse.ArgumentParser(
        description="Take part in all conversations of a person. When SECONDS are over and a line has come on "
        "stdin, catch up and print as JSON what this device holds, and which requests were done and refused."
    )
    parser.add_argument("url", metavar="URL", help="the chat's address")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("password", metavar="PASSWORD")
    parser.add_argument("--take-part", nargs=2, metavar=("SECONDS", "SEED"), default=("0", "0"))
    parser.add_argument("--state", metavar="FILE", help="where to keep what survives a restart")
    parser.add_argument("--transport", choices=("websocket", "polling"), default="websocket")
    arguments = parser.parse_args()

    client = Client(arguments.url, arguments.name, arguments.password, arguments.state, arguments.transport)
    running = asyncio.ensure_future(client.run())

    async def play():
        seconds, seed = arguments.take_part
        if float(seconds) > 0:
            await take_part(client, float(seconds), random.Random(seed))
            print("The time is over. Send a line to have the state.", file=sys.stderr, flush=True)
        await line_on_stdin()
        await client.settle()
        done = [{**request, "answer": answer} for request, answer in client.done]
        refused = [{**request, "code": refusal.code} for request, refusal in client.refused]
        outcome = {"user_id": client.copy.user_id, "epoch": client.copy.epoch, "conversations": client.copy.state()}
        print(json.dumps(outcome | {"acknowledged": done, "refused": refused}), flush=True)

    playing = asyncio.ensure_future(play())
    # A wrong password ends the program, too.
    done, _ = await asyncio.wait([running, playing], return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for task in done:
        task.result()


if __name__ == "__main__":
    asyncio.run(main())
