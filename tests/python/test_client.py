"""The program's protocol as Python's Socket.IO client sees it, whose callbacks take no argument too many."""

import threading
import unittest

import requests
import socketio
from server import PATIENCE_SECONDS, Server


class Person:
    """Somebody who is logged in."""

    def __init__(self, server, name):
        self.server, self.browser = server, requests.Session()
        password = f"password of {name}"
        form = {"username": name, "password": password, "confirmation": password}
        self.post("/register", form)
        self.post("/login", form)
        found = self.browser.post(server.url + "/find", json={"username": name}).json()
        self.id = next(user["id"] for user in found if user["username"] == name)

    def post(self, path, form):
        answer = self.browser.post(self.server.url + path, data=form, allow_redirects=False)
        assert answer.status_code == 302, f"{path} was answered with {answer.status_code}"

    def connect(self, transport):
        tab = Tab()
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.cookies)
        tab.client.connect(self.server.url, headers={"Cookie": cookies}, transports=[transport])
        return tab


class Tab:
    """One socket, and what it receives."""

    def __init__(self):
        self.client = socketio.Client(reconnection=False)
        self.received = []
        self.arrived = threading.Event()
        self.client.on("message_received_from_current_chat", self.receive)

    def receive(self, payload):
        self.received.append(payload["message"])
        self.arrived.set()

    def ask(self, event, payload, callback):
        """Calls `callback` with the acknowledgement's arguments, in its thread; fails where it fails."""
        answered, outcome = threading.Event(), []

        def call(*arguments):
            try:
                outcome.append(callback(*arguments))
            except TypeError as error:
                outcome.append(error)
            answered.set()

        self.client.emit(event, payload, callback=call)
        if not answered.wait(PATIENCE_SECONDS):
            raise AssertionError(f"{event} was not acknowledged")
        if isinstance(outcome[0], TypeError):
            raise outcome[0]
        return outcome[0]


class PythonClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def test_every_event_of_the_flask_chat_over_polling(self):
        self.talk("polling")

    def test_every_event_of_the_flask_chat_over_websocket(self):
        self.talk("websocket")

    def talk(self, transport):
        ann, ben = Person(self.server, f"ann-{transport}"), Person(self.server, f"ben-{transport}")
        ann.post("/add", {"id": ben.id})
        ben.post("/add", {"id": ann.id})
        anns, bens = ann.connect(transport), ben.connect(transport)

        # The callback has two parameters, as in any client that was written for the Flask chat.
        joined = bens.ask("join_chat", {"chat_partner_id": str(ann.id)}, lambda messages, count: (messages, count))
        self.assertEqual(joined, ([], 0))
        for number in range(25):
            payload = {"message": f"line {number}", "chat_partner_id": str(ben.id)}
            sent = anns.ask("message_sent", payload, lambda answer: answer)
            self.assertRegex(sent["timestamp"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        while len(bens.received) < 25:
            self.assertTrue(bens.arrived.wait(PATIENCE_SECONDS), bens.received)
            bens.arrived.clear()
        self.assertEqual(bens.received, [f"line {number}" for number in range(25)])

        read = {"chat_partner_id": str(ann.id), "new_message_count": 3}
        # Python's client may drop what it has just emitted when it disconnects, so this is waited for.
        bens.ask("new_message_count_updated", read, lambda state: state)
        bens.client.disconnect()
        bens = ben.connect(transport)
        messages, count = bens.ask(
            "join_chat", {"chat_partner_id": str(ann.id)}, lambda messages, count: (messages, count)
        )
        self.assertEqual([row["message"] for row in messages], [f"line {number}" for number in range(24, 4, -1)])
        self.assertEqual(count, 3)
        older = {"chat_partner_id": str(ann.id), "message_count": 20}
        rows = bens.ask("message_history_is_scrolled_to_the_top", older, lambda messages: messages)
        self.assertEqual([row["message"] for row in rows], [f"line {number}" for number in range(4, -1, -1)])
        for tab in (anns, bens):
            tab.client.disconnect()


if __name__ == "__main__":
    unittest.main()
