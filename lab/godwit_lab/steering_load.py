"""The load generator: requests at their times, each a TCP connection of its own, from one host.

    steering_load.py PLAN RECORDS

PLAN: a line of JSON per request, {"at": seconds from now, "service", "host", "port", "steps"}; RECORDS: a line
of JSON per request when it is over. A request does not wait for those before it (open loop). Its response time is
from the first octet of the handshake to the last of the answer, so a late generator does not count; how late it was
is recorded. Times are of the monotonic clock, in nanoseconds.
"""

import asyncio
import json
import sys
import time

TIMEOUT = 15
SEED = 8885


def parse(answer):
    """(HTTP status, instance, digest) of a whole answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
    if len(body) != int(headers.get("content-length", -1)):
        raise ValueError("cut short")
    document = json.loads(body) if status == 200 else {}
    return status, headers.get("x-instance"), document.get("digest")


async def exchange(request, record):
    reader, writer = await asyncio.open_connection(request["host"], request["port"])
    try:
        record["port"] = writer.get_extra_info("sockname")[1]
        record["connected_ns"] = time.monotonic_ns()
        writer.write(f"GET /work?steps={request['steps']}&seed={SEED} HTTP/1.1\r\n"
                     f"Host: {request['service']}\r\n\r\n".encode())
        record["status"], record["instance"], record["digest"] = parse(await reader.read(-1))
    finally:
        writer.close()


async def one(request, begin, out):
    await asyncio.sleep(begin + request["at"] - time.monotonic())
    now = time.monotonic_ns()
    record = {"service": request["service"], "steps": request["steps"], "start_ns": now,
              "late_ms": round(now / 1e6 - (begin + request["at"]) * 1e3, 3), "status": 0,
              "instance": None, "digest": None, "error": None}
    try:
        await asyncio.wait_for(exchange(request, record), TIMEOUT)
    except asyncio.TimeoutError:
        record["error"] = "no answer"
    except (OSError, ValueError, IndexError) as err:
        record["error"] = f"{type(err).__name__}: {err}"
    record["end_ns"] = time.monotonic_ns()
    out.write(json.dumps(record) + "\n")
    out.flush()


async def main(plan, records):
    with open(plan, encoding="ascii") as file:
        wanted = [json.loads(line) for line in file]
    with open(records, "w", encoding="ascii") as out:
        begin = time.monotonic()
        await asyncio.gather(*(one(r, begin, out) for r in wanted))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
