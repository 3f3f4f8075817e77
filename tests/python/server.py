"""The program as the tests here start it, and a link to it that breaks."""

import asyncio
import os
import re
import subprocess
import tempfile
import threading
from urllib.parse import urlsplit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("VISAVIS_BIN", os.path.join(ROOT, "target/debug/visavis"))
PATIENCE_SECONDS = 20


class Server:
    """A started server over a database of its own."""

    def __init__(self, *settings):
        self.settings = settings
        self.folder = tempfile.TemporaryDirectory(prefix="visavis-python-")
        self.url = "http://127.0.0.1:0"
        self.start()

    def start(self):
        """Starts the program over what is there, at the address that it had before."""
        arguments = [PROGRAM, "--listen", urlsplit(self.url).netloc, "--bcrypt-cost", "4", *self.settings]
        self.process = subprocess.Popen(arguments, cwd=self.folder.name, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"listens on (http://[^ \n]+)", line)
            if found:
                self.url = found.group(1)
                break
        else:
            raise RuntimeError(f"the server has ended: {self.process.wait(PATIENCE_SECONDS)}")
        # What it says from here on must not fill the pipe.
        threading.Thread(target=self._read, args=[self.process.stderr], daemon=True).start()

    def _read(self, log):
        with log:
            log.read()

    def kill(self):
        """Ends the program as a loss of power does."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        self.folder.cleanup()


class Link:
    """An address that leads to the server's. It can withhold answers, and break."""

    @classmethod
    async def to(cls, url):
        link = cls()
        link.target = urlsplit(url)
        link.listener = await asyncio.start_server(link._carry, "127.0.0.1", 0)
        link.url = "http://127.0.0.1:%d" % link.listener.sockets[0].getsockname()[1]
        return link

    def __init__(self):
        self.withholds = False
        self.pairs = set()

    def cut(self):
        """Breaks every connection, so that what was withheld is lost. New ones work as before."""
        self.withholds = False
        for writers in list(self.pairs):
            for writer in writers:
                writer.transport.abort()

    async def close(self):
        self.listener.close()
        self.cut()

    async def _carry(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection(self.target.hostname, self.target.port)
        except OSError:
            writer.transport.abort()
            return
        writers = (writer, up_writer)
        self.pairs.add(writers)
        both = asyncio.gather(self._pump(reader, up_writer, False), self._pump(up_reader, writer, True))
        await asyncio.gather(both, return_exceptions=True)
        self.pairs.discard(writers)

    async def _pump(self, reader, writer, is_answer):
        try:
            while data := await reader.read(65536):
                if not (is_answer and self.withholds):
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            # An end in one direction is passed on as an end of both.
            writer.close()
