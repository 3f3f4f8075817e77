"""The promises of docs/protocol.md as a client of protocol 2 has them, over connections that break."""

import asyncio
import itertools
import json
import os
import random
import sys
import tempfile
import unittest

from client import Client, Conversation, Copy, Refused, WrongForm, take_part, within
from server import PATIENCE_SECONDS, Link, Server

TEST_SECONDS_MAX = 120
ROUGH_SECONDS = 4
KILLS = 3



class FirstEvent(unittest.TestCase):
    def test_an_event_before_the_first_answer_does_not_hide_what_came_before_it(self):
        copy = Copy()
        state = {"partner_id": 2, "version": 5}
        copy.apply_event({"after": 4, "conversation": state, "message": {"id": 9, "version": 5}})
        known = copy.known
        answer = {"conversation": state, "messages": [], "complete_to": 5, "more": False}
        copy.apply_catch_up({"user_id": 1, "epoch": "one", "conversations": [answer]}, known)
        self.assertEqual(known, {})
        self.assertEqual((copy.conversations[2].version, copy.is_complete), (0, False))


class Protocol2(unittest.IsolatedAsyncioTestCase):
    """Ann and Ben, new ones for each test, have a chat with each other."""

    numbers = itertools.count()

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    async def asyncSetUp(self):
        # Four devices on a busy machine are slow at times, which is no warning.
        asyncio.get_running_loop().slow_callback_duration = PATIENCE_SECONDS
        number = next(self.numbers)
        self.names = [f"ann-{number}", f"ben-{number}"]
        folder = tempfile.TemporaryDirectory(prefix="visavis-python-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.running = {}
        for name in self.names:
            await self.device(name).register()
        self.ann, self.ben = await self.start(self.names[0]), await self.start(self.names[1])
        self.anns_id, self.bens_id = await self.ben.find(self.names[0]), await self.ann.find(self.names[1])
        await self.ann.open_chat(self.bens_id)
        await self.ben.open_chat(self.anns_id)
        await self.settle(self.ann, self.ben)

    async def asyncTearDown(self):
        for client in list(self.running):
            await self.stop(client)

    def _callTestMethod(self, method):
        async def within_time():
            await asyncio.wait_for(method(), TEST_SECONDS_MAX)

        super()._callTestMethod(within_time)

    # Devices.

    def device(self, name, url=None, path=None, password=None, transport="websocket"):
        client = Client(url or self.server.url, name, password or f"password of {name}", path, transport)
        self.running[client] = None
        return client

    async def start(self, name, **options):
        client = self.device(name, **options)
        self.resume(client)
        await self.patiently(client.wait_until(lambda: client.is_ready))
        return client

    def resume(self, client):
        self.running[client] = asyncio.ensure_future(client.run())

    async def stop(self, client):
        """Ends a device as the end of its process would: only its file remains."""
        running = self.running.pop(client)
        if running:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await client.close()

    async def patiently(self, waiting):
        return await asyncio.wait_for(waiting, PATIENCE_SECONDS)

    async def settle(self, *clients):
        await self.patiently(asyncio.gather(*(client.settle() for client in clients)))

    def path(self, name="device.json"):
        return os.path.join(self.folder, name)

    async def link(self):
        link = await Link.to(self.server.url)
        self.addAsyncCleanup(link.close)
        return link

    def texts(self, client, partner_id):
        """What stands in a conversation, in its order; None where a message was deleted."""
        messages = client.copy.state()[str(partner_id)]["messages"].values()
        return [None if message["deleted"] else message["text"] for message in messages]

    async def sees(self, client, partner_id, texts):
        """Waits for a device to be told, which asks for nothing."""
        is_seen = lambda: partner_id in client.copy.conversations and self.texts(client, partner_id) == texts
        try:
            await self.patiently(client.wait_until(is_seen))
        except asyncio.TimeoutError:
            self.fail(f"{client.copy.state()} has not become {texts}")

    async def as_just_loaded(self, client):
        fresh = await self.start(client.name)
        await self.settle(fresh)
        state = fresh.copy.state()
        await self.stop(fresh)
        return state

    # Tests.

    async def test_two_people_talk_edit_delete_and_mark(self):
        first = await self.patiently(self.ann.send(self.bens_id, "first"))
        second = await self.patiently(self.ann.send(self.bens_id, "second"))
        await self.sees(self.ben, self.anns_id, ["first", "second"])
        self.assertEqual(self.ben.copy.conversations[self.anns_id].state["new_message_count"], 2)

        await self.patiently(self.ann.edit(self.bens_id, first["id"], "edited"))
        await self.patiently(self.ann.delete(self.bens_id, second["id"]))
        await self.patiently(self.ben.send(self.anns_id, "third"))
        for client, partner_id in ((self.ann, self.bens_id), (self.ben, self.anns_id)):
            await self.sees(client, partner_id, ["edited", None, "third"])
        self.assertEqual(self.ben.copy.conversations[self.anns_id].state["new_message_count"], 1)

        await self.patiently(self.ben.mark_delivered(self.anns_id, second["id"]))
        await self.patiently(self.ben.mark_read(self.anns_id, first["id"]))
        held = self.ann.copy.conversations[self.bens_id]
        await self.patiently(self.ann.wait_until(lambda: held.state["partner_last_read_id"] == first["id"]))
        self.assertEqual(held.state["partner_last_delivered_id"], second["id"])
        await self.settle(self.ann, self.ben)
        self.assertEqual(self.ann.copy.state(), await self.as_just_loaded(self.ann))
        self.assertEqual(self.ben.copy.state(), await self.as_just_loaded(self.ben))

    async def test_while_one_blocks_neither_writes(self):
        kept = await self.patiently(self.ben.send(self.anns_id, "kept"))
        await self.patiently(self.ann.set_blocked(self.bens_id, True))
        for refused in (
            self.ben.send(self.anns_id, "refused"),
            self.ben.edit(self.anns_id, kept["id"], "refused"),
            self.ann.send(self.bens_id, "refused"),
        ):
            with self.assertRaises(Refused) as refusal:
                await self.patiently(refused)
            self.assertEqual(refusal.exception.code, "forbidden")
        await self.settle(self.ben)
        self.assertFalse(self.ben.copy.conversations[self.anns_id].state["blocked"])
        await self.patiently(self.ben.delete(self.anns_id, kept["id"]))
        await self.patiently(self.ann.set_blocked(self.bens_id, False))
        await self.patiently(self.ben.send(self.anns_id, "welcome"))
        await self.sees(self.ann, self.bens_id, [None, "welcome"])

    async def test_a_device_that_was_away_catches_up(self):
        away = await self.start(self.names[1], path=self.path())
        sent = [await self.patiently(self.ann.send(self.bens_id, f"line {number}")) for number in range(3)]
        await self.sees(away, self.anns_id, ["line 0", "line 1", "line 2"])
        await self.stop(away)
        await self.patiently(self.ann.edit(self.bens_id, sent[0]["id"], "edited"))
        await self.patiently(self.ann.delete(self.bens_id, sent[1]["id"]))
        await self.patiently(self.ann.send(self.bens_id, "line 3"))

        back = await self.start(self.names[1], path=self.path())
        await self.settle(back)
        self.assertEqual(self.texts(back, self.anns_id), ["edited", None, "line 2", "line 3"])
        self.assertEqual(back.copy.state(), await self.as_just_loaded(self.ben))

    async def test_what_was_written_without_a_connection_is_sent_after_a_restart(self):
        self.server.kill()
        offline = self.device(self.names[0], path=self.path())
        offline.send(self.bens_id, "first")
        offline.send(self.bens_id, "second")
        await self.stop(offline)
        self.server.start()
        online = await self.start(self.names[0], path=self.path())
        await self.settle(online)
        await self.sees(self.ben, self.anns_id, ["first", "second"])

    async def test_an_answer_lost_after_the_commit_is_asked_for_again(self):
        link = await self.link()
        ann = await self.start(self.names[0], url=link.url)
        link.withholds = True
        sending = ann.send(self.bens_id, "once")
        await self.sees(self.ben, self.anns_id, ["once"])
        self.assertFalse(sending.done())
        link.cut()
        sent = await self.patiently(sending)
        self.assertTrue(sent["duplicate"])
        await self.sees(ann, self.bens_id, ["once"])

        link.withholds = True
        editing = ann.edit(self.bens_id, sent["id"], "edited once")
        await self.sees(self.ben, self.anns_id, ["edited once"])
        # Another device's edit comes between. The repeated one must not undo it.
        await self.patiently(self.ann.edit(self.bens_id, sent["id"], "edited again"))
        link.cut()
        self.assertEqual((await self.patiently(editing))["message"]["text"], "edited again")

        link.withholds = True
        blocking = ann.send(self.bens_id, "before the block")
        await self.sees(self.ben, self.anns_id, ["edited again", "before the block"])
        await self.patiently(self.ben.set_blocked(self.anns_id, True))
        link.cut()
        self.assertTrue((await self.patiently(blocking))["duplicate"])
        await self.settle(ann)
        self.assertEqual(ann.copy.state(), await self.as_just_loaded(ann))

    async def test_an_answer_lost_with_the_server_is_asked_for_again_after_a_restart_of_both(self):
        link = await self.link()
        ann = await self.start(self.names[0], url=link.url, path=self.path())
        link.withholds = True
        ann.send(self.bens_id, "once")
        ann.send(self.bens_id, "and then this")
        await self.sees(self.ben, self.anns_id, ["once"])
        self.server.kill()
        await self.stop(ann)
        self.server.start()
        link.cut()
        ann = await self.start(self.names[0], url=link.url, path=self.path())
        await self.settle(ann)
        await self.sees(self.ben, self.anns_id, ["once", "and then this"])
        self.assertEqual(ann.refused, [])
        self.assertEqual([answer["duplicate"] for _, answer in ann.done], [True, False])

    async def test_another_person_s_device_keeps_nothing_and_sends_nothing(self):
        anns = await self.start(self.names[0], path=self.path())
        await self.patiently(anns.send(self.bens_id, "for Ben"))
        await self.stop(anns)
        unsent = self.device(self.names[0], path=self.path())
        unsent.send(self.bens_id, "never sent")
        await self.stop(unsent)

        cats_name = f"cat-{self.names[0]}"
        await self.device(cats_name).register()
        cats = await self.start(cats_name, path=self.path())
        await self.settle(cats)
        self.assertEqual((cats.copy.state(), cats.done), ({}, []))
        await self.sees(self.ben, self.anns_id, ["for Ben"])
        with open(self.path(), encoding="utf-8") as file:
            self.assertNotIn("never sent", file.read())

    async def test_under_another_epoch_everything_is_loaded_anew(self):
        kept = await self.patiently(self.ann.send(self.bens_id, "kept"))
        old = await self.start(self.names[0], path=self.path())
        await self.settle(old)
        await self.stop(old)
        with open(self.path(), encoding="utf-8") as file:
            saved = json.load(file)
        saved["epoch"] = "another"
        saved["conversations"][0] |= {"version": 1000, "messages": []}
        with open(self.path(), "w", encoding="utf-8") as file:
            json.dump(saved, file)

        unsent = self.device(self.names[0], path=self.path())
        unsent.edit(self.bens_id, kept["id"], "of another message")
        unsent.send(self.bens_id, "new")
        self.resume(unsent)
        await self.settle(unsent)
        self.assertEqual(self.texts(unsent, self.bens_id), ["kept", "new"])
        self.assertEqual([request["event"] for request, _ in unsent.refused], ["edit_message"])
        self.assertEqual(unsent.copy.state(), await self.as_just_loaded(unsent))

    async def test_a_long_history_is_loaded_page_by_page(self):
        texts = [f"line {number}" for number in range(120)]
        await self.patiently(asyncio.gather(*(self.ann.send(self.bens_id, text) for text in texts)))
        fresh = await self.start(self.names[1])
        await self.settle(self.ben, fresh)
        self.assertEqual(self.texts(fresh, self.anns_id), texts)
        self.assertEqual(fresh.copy.state(), self.ben.copy.state())

    async def test_a_client_that_lived_through_all_equals_one_that_has_just_loaded(self):
        links = [await self.link() for _ in range(4)]
        transports = ["websocket", "websocket", "polling", "polling"]
        devices = [
            await self.start(name, url=link.url, path=self.path(f"{number}.json"), transport=transport)
            for number, (name, link, transport) in enumerate(zip(self.names * 2, links, transports))
        ]
        chance = random.Random(4)
        playing = [
            asyncio.ensure_future(take_part(device, ROUGH_SECONDS, random.Random(number)))
            for number, device in enumerate(devices)
        ]
        for _ in range(KILLS):
            for _ in range(5):
                await asyncio.sleep(ROUGH_SECONDS / KILLS / 5)
                link = chance.choice(links)
                link.withholds = not link.withholds
                if not link.withholds:
                    link.cut()
            self.server.kill()
            self.server.start()
        await asyncio.gather(*playing)
        for link in links:
            link.cut()
        # Two have a restart behind them, besides.
        for number in (0, 1):
            await self.stop(devices[number])
            again = await self.start(self.names[number], path=self.path(f"{number}.json"))
            again.done = devices[number].done + again.done
            devices[number] = again
        await asyncio.wait_for(asyncio.gather(*(device.settle() for device in devices)), TEST_SECONDS_MAX / 2)
        await self.settle(*devices, self.ann, self.ben)

        anns, bens = await self.as_just_loaded(self.ann), await self.as_just_loaded(self.ben)
        for client in (self.ann, devices[0], devices[2]):
            self.assertEqual(client.copy.state(), anns)
        for client in (self.ben, devices[1], devices[3]):
            self.assertEqual(client.copy.state(), bens)
        self.assertEqual(anns[str(self.bens_id)]["messages"], bens[str(self.anns_id)]["messages"])
        # Each send that was acknowledged is there, once.
        sent = [answer["id"] for device in devices for _, answer in device.done if "id" in answer]
        self.assertEqual(len(sent), len(set(sent)))
        self.assertLessEqual({str(id) for id in sent}, set(bens[str(self.anns_id)]["messages"]))
        self.assertGreater(len(sent), 20)

    async def test_the_program_takes_part_and_prints_what_it_holds(self):
        arguments = [self.server.url, self.names[0], f"password of {self.names[0]}", "--take-part", "1", "7"]
        path = os.path.join(os.path.dirname(__file__), "client.py")
        program = await asyncio.create_subprocess_exec(
            sys.executable, path, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await self.patiently(program.communicate(b"\n"))
        self.assertEqual(program.returncode, 0)
        printed = json.loads(output)
        self.assertEqual(printed["conversations"], await self.as_just_loaded(self.ann))
        self.assertGreater(len(printed["acknowledged"]), 0)

    async def test_what_was_too_much_is_sent_later_in_its_order(self):
        strict = Server("--limit-messages", "2/s")
        self.addCleanup(strict.stop)
        for name in self.names:
            await self.device(name, url=strict.url).register()
        ann, ben = [await self.start(name, url=strict.url) for name in self.names]
        bens_id, anns_id = await ann.find(self.names[1]), await ben.find(self.names[0])
        await ann.open_chat(bens_id)
        texts = [f"line {number}" for number in range(5)]
        await self.patiently(asyncio.gather(*(ann.send(bens_id, text) for text in texts)))
        await self.sees(ben, anns_id, texts)

    async def test_a_connection_ends_though_an_answer_comes_at_that_moment(self):
        answer = asyncio.get_running_loop().create_future()
        asking = asyncio.ensure_future(within(PATIENCE_SECONDS, answer))
        await asyncio.sleep(0)
        answer.set_result("an answer")
        asking.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await asking

    async def test_a_wrong_password_ends_the_client(self):
        with self.assertRaises(WrongForm):
            await self.patiently(self.device(self.names[0], password="a wrong one").run())


class Order(unittest.TestCase):
    """What no server can be made to do at will: states that come in another order."""

    def setUp(self):
        self.copy = Copy()
        self.copy.conversations[7] = Conversation(3, state(3))

    def test_an_event_beyond_a_gap_is_kept_and_the_gap_is_known(self):
        self.copy.apply_event({"after": 4, "conversation": state(5), "message": message(2, 5, "newest")})
        held = self.copy.conversations[7]
        self.assertEqual((held.version, held.is_complete), (3, False))
        changes = [message(1, 4, "missed"), message(2, 5, "newest")]
        self.copy.apply_answer({"conversation": state(5), "messages": changes, "complete_to": 5, "more": False})
        self.assertEqual((held.version, held.is_complete, set(held.messages)), (5, True, {1, 2}))

    def test_an_older_state_does_not_replace_a_newer_one(self):
        self.copy.apply_event({"after": 3, "conversation": state(4), "message": message(1, 4, "edited")})
        page = {"conversation": state(3), "messages": [message(1, 2, "as it was sent")], "more": False}
        self.copy.apply_history(page)
        self.copy.apply_event({"after": 2, "conversation": state(3), "message": message(1, 3, "older")})
        held = self.copy.conversations[7]
        self.assertEqual((held.version, held.state["version"], held.messages[1]["text"]), (4, 4, "edited"))

    def test_an_answer_that_did_not_know_a_conversation_leaves_no_hole_in_it(self):
        self.copy.apply_event({"after": 8, "conversation": {**state(9), "partner_id": 8}})
        changed = {"conversation": {**state(12), "partner_id": 8}, "messages": [], "complete_to": 12, "more": False}
        self.copy.apply_catch_up({"user_id": 1, "epoch": "one", "conversations": [changed]}, {7: 3})
        held = self.copy.conversations[8]
        self.assertEqual((held.version, held.announced), (0, 12))


def state(version):
    return {"partner_id": 7, "version": version, "blocked": False}


def message(id, version, text):
    return {"id": id, "version": version, "sender_id": 7, "text": text}


if __name__ == "__main__":
    unittest.main()
