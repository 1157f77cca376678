"""An agent on the AgentCore SDK, in an image with the Python and the packages of its own choice.

    {"name": "Ada"}  →  {"result": "Hello, Ada", "python": "3.13.5", "user": 1000}
"""

import os
import platform

from bedrock_agentcore.runtime import BedrockAgentCoreApp

app = BedrockAgentCoreApp()


@app.entrypoint
def invoke(payload):
    greeting = os.environ.get("GREETING", "Hello")
    return {"result": f"{greeting}, {payload.get('name', 'World')}", "python": platform.python_version(), "user": os.getuid()}


if __name__ == "__main__":
    app.run()
