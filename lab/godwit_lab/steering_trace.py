"""Requests as people make them: when, and how large, from one hour of the Azure LLM inference trace
(sim/data), faster so that there are as many a second as wanted."""

import csv
import datetime
import itertools
import os
import random
from dataclasses import dataclass

from .domain import REPOSITORY

TRACE = os.path.join(REPOSITORY, "sim/data/azure-llm-2023-conv.csv")
TOKENS_PER_STEP = 16  # generated: one after the other
PROMPT_PER_STEP = 512  # context: many at once
EMBED_PER_STEP = 96


@dataclass
class Request:
    at: float  # seconds since the load began
    client: str
    service: str
    steps: int


def rows(path=TRACE):
    """(seconds since the first request, context tokens, generated tokens)"""
    first = None
    with open(path, encoding="ascii") as file:
        for row in csv.DictReader(file):
            when = datetime.datetime.fromisoformat(row["TIMESTAMP"][:26])
            first = first or when
            yield ((when - first).total_seconds(), int(row["ContextTokens"]),
                   int(row["GeneratedTokens"]))


def steps(service, context, generated):
    """What a request costs an instance of the service: an answer to a conversation is made token by token
    after its context has been read; of an embedding there is the reading only."""
    if service == "chat":
        return 1 + context // PROMPT_PER_STEP + generated // TOKENS_PER_STEP
    return 1 + context // EMBED_PER_STEP


def requests(rate, seconds, clients, services, seed, skip=0):
    """Arrivals of the trace from its row `skip` on. clients and services: name -> share of the requests."""
    draw = random.Random(seed)
    taken = list(itertools.islice(rows(), skip, skip + round(rate * seconds)))
    begin, pace = taken[0][0], seconds / (taken[-1][0] - taken[0][0])
    made = []
    for when, context, generated in taken:
        client = draw.choices(list(clients), clients.values())[0]
        service = draw.choices(list(services), services.values())[0]
        made.append(Request((when - begin) * pace, client, service,
                            steps(service, context, generated)))
    return made
