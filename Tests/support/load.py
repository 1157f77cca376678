"""Load from one asyncio thread: keep-alive connections that send bytes signed beforehand."""

import asyncio


class Cut(Exception):
    """The connection ended before the answer did."""


class Connection:
    """One HTTP/1.1 connection. Opened again only when the server said that it closes."""

    def __init__(self, host):
        self.host, _, port = host.rpartition(":")
        self.port = int(port)
        self.reader = self.writer = None

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)

    async def close(self):
        if self.writer:
            self.writer.close()
            try:
                await self.writer.wait_closed()
            except OSError:
                pass
            self.writer = None

    async def send(self, data):
        """Sends a whole request and reads the head of its answer: (status, headers)."""
        if not self.writer:
            await self.open()
        self.writer.write(data)
        await self.writer.drain()
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as failure:
            raise Cut(f"no answer: {failure!r}") from None
        lines = head.decode("latin-1").split("\r\n")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        return int(lines[0].split(" ")[1]), self.headers

    async def blocks(self):
        """The body's blocks as they arrive. Raises Cut when it ends too early."""
        try:
            if "chunked" in self.headers.get("transfer-encoding", ""):
                while size := int((await self.reader.readline()).split(b";")[0] or b"z", 16):
                    yield await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                while (await self.reader.readline()).strip():
                    pass
            else:
                yield await self.reader.readexactly(int(self.headers.get("content-length", "0")))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as failure:
            raise Cut(f"the answer is cut: {failure!r}") from None
        if self.headers.get("connection", "").lower() == "close":
            await self.close()

    async def call(self, data):
        """(status, body) of one request."""
        status, _ = await self.send(data)
        return status, b"".join([block async for block in self.blocks()])
