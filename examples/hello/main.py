"""The smallest agent on the AgentCore SDK: it greets, in one piece or word by word.

    {"name": "Ada"}                  →  {"result": "Hello, Ada"}
    {"name": "Ada", "stream": true}  →  server-sent events, one per word

`GREETING`, one of the runtime's environment variables, replaces "Hello": enough to tell two versions apart.
"""

import asyncio
import os

from bedrock_agentcore.runtime import BedrockAgentCoreApp

app = BedrockAgentCoreApp()


async def words(text):
    """One event per word. The SDK sends each as `data: <JSON>` as soon as it is yielded."""
    for word in text.split():
        yield {"word": word}
        await asyncio.sleep(0.05)


@app.entrypoint
async def invoke(payload):
    greeting = f"{os.environ.get('GREETING', 'Hello')}, {payload.get('name', 'World')}"
    if payload.get("stream"):
        return words(greeting)
    return {"result": greeting}


if __name__ == "__main__":
    app.run()
