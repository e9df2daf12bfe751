"""The official Python client against Meanwhile: lists the tools, makes every call of calls.json.

Usage: client.py MODE TARGET: MODE is `legacy` (2025-11-25) or `auto` (2026-07-28); TARGET is the
URL of /mcp, or a command line that serves over standard streams.
"""

import asyncio
import json
import pathlib
import shlex
import sys

import jsonschema
from mcp import Client, StdioServerParameters

VERSIONS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
TOOLS = [
    "job_create",
    "job_retrieval_semantic",
    "job_retrieval_by_id",
    "job_retrieval_by_keywords",
    "job_update",
    "job_pause",
    "job_cancel",
]


def at(value, path):
    """The value at a dotted path; None where there is none."""
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = (value or {}).get(key)
    return value


async def main(mode, target):
    if not target.startswith("http"):
        program, *arguments = shlex.split(target)
        target = StdioServerParameters(command=program, args=arguments)
    async with Client(target, mode=mode) as client:
        assert client.protocol_version == VERSIONS[mode], client.protocol_version
        assert client.server_info.name == "meanwhile", client.server_info
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == TOOLS, tools
        schemas = {tool.name: (tool.input_schema, tool.output_schema) for tool in tools}
        job = ""
        for call in json.loads((pathlib.Path(__file__).parent / "calls.json").read_text()):
            name, expect = call["tool"], call["expect"]
            arguments = json.loads(json.dumps(call["arguments"]).replace("$JOB", job))
            result = await client.call_tool(name, arguments)
            answer = result.structured_content
            told = f"{name} {arguments}: {answer}"
            jsonschema.validate(answer, schemas[name][1])
            assert json.loads(result.content[0].text) == answer, told
            assert bool(result.is_error) == ("error" in answer), told
            for path, value in expect.items():
                assert at(answer, path) == value, f"{path} should be {value!r} in {told}"
            if "error" in answer:
                assert len(answer["error"]["message"]) > 20, told
            else:
                jsonschema.validate(arguments, schemas[name][0])
            job = at(answer, "job.job_id") or job
        print(f"{len(TOOLS)} tools, protocol {client.protocol_version}")


asyncio.run(main(*sys.argv[1:]))
