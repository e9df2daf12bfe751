"""A host of the jobs component: a SQLite file, an agent, the loop. It is spoken to in lines of JSON,
see ../README.md. Usage: host.py COMPONENT STORE [INSTANT]"""
import json
import secrets
import select
import sqlite3
import sys
import time

from storage import Storage
from values import from_json, to_json
from wasmtime import Config, Engine, Store, WasmtimeError
from wasmtime.component import Component, Linker

PARALLEL_RUNS = 5
LOOK_MS = 10_000  # how often leases are renewed, and storage is looked at


def outcome(status, output="", error=None):
    usage = {"tokens-in": 0, "tokens-out": 0, "cost-usd": 0.0, "tool-calls": 0, "seconds": 0.0}
    return {"status": status, "output": output, "error": error, "usage": usage, "retry-after-seconds": None, "journal": []}


def failed(kind, message):
    return outcome("failed", error={"class": kind, "message": message})


def agent(request):
    """Carries out a run: the output is the payload, unless that begins with a word that says how it ends."""
    payload, attempt = request["payload"], request["attempt"]
    match payload.split():
        case ["echo"]:
            heard = [*(it["output"] for it in request["dependencies"]), *request["unread-replies"]]
            return outcome("ok", " ".join(heard) or "nothing")
        case ["fail", kind]:
            return failed(kind, payload)
        case ["ask", *_]:
            return outcome("needs-input", payload)
        case ["flaky", attempts] if attempt <= int(attempts):
            return failed("transient", payload)
        case ["hang", attempts] if attempt <= int(attempts):
            return None  # it goes on, and on
    return outcome("ok", payload)


class Host:
    def __init__(self, component, store, instant=None):
        self.instant = instant and int(instant)  # none: the machine's clock
        self.storage = Storage(store, self.now)
        self.live = {}  # what was submitted and is not settled, by run
        self.interrupt = None  # what a test wants to happen in the middle of a call, before it commits
        config = Config()
        config.cache = True
        self.engine = Engine(config)
        self.component = Component.from_file(self.engine, component)
        self.linker = Linker(self.engine)
        self.offer("meanwhile:jobs/storage@0.1.0", self.storage.imports() | {"commit": self.commit})
        self.offer("meanwhile:jobs/timers@0.1.0", {"arm": lambda at: None})  # the loop looks before it sleeps
        pipeline = {"submit": self.submit, "cancel": self.cancel, "can-judge": lambda: False}
        self.offer("meanwhile:jobs/agent-pipeline@0.1.0", pipeline)
        self.offer("wasi:random/random@0.2.6", {"get-random-u64": lambda: secrets.randbits(64)})
        present = lambda: {"seconds": self.now() // 1000, "nanoseconds": self.now() % 1000 * 1_000_000}
        self.offer("wasi:clocks/wall-clock@0.2.6", {"now": present})

    def offer(self, interface, functions):
        def spoken(work):
            def answer(_store, *given):
                try:
                    return from_json(work(*map(to_json, given)))
                except sqlite3.Error as error:
                    return from_json({"tag": "unavailable", "val": str(error)})
            return answer
        with self.linker.root() as root, root.add_instance(interface) as instance:
            for name, work in functions.items():
                instance.add_func(name, spoken(work))

    def now(self):
        return time.time_ns() // 1_000_000 if self.instant is None else self.instant

    def until(self, at):
        if self.instant is None:
            time.sleep(max(0, at - self.now()) / 1000)
        else:
            self.instant = at

    def commit(self, units):
        if self.interrupt:
            self.interrupt()
        return self.storage.commit(units)

    def submit(self, requests):
        for request in requests:
            if self.live.get(request["run-id"], {"token": -1})["token"] < request["token"]:
                self.live[request["run-id"]] = request | {"outcome": agent(request)}

    def cancel(self, run):
        if run in self.live:
            self.live[run]["outcome"] = self.live[run]["outcome"] or outcome("cancelled")

    def call(self, path, parameters):
        """Calls an export, in an instance of its own."""
        store = Store(self.engine)
        instance = self.linker.instantiate(store, self.component)
        face = instance.get_export_index(store, f"meanwhile:jobs/{path[0]}@0.1.0")
        function = instance.get_func(store, instance.get_export_index(store, path[1], face))
        try:
            answer = to_json(function(store, *map(from_json, parameters)))
        except WasmtimeError as error:
            return {"trap": str(error)}
        match answer:  # a result is a variant where both of its sides are records, else a bare value
            case {"tag": "ok" | "err" as side, "val": value}:
                return {side: value}
            case {"tag": _} | str():
                return {"err": answer}
        return {"ok": answer}

    def work(self):
        """Settles what ended and polls, until nothing is due."""
        self.live = {id: run for id, run in self.live.items() if self.storage.renew(run)}  # else another took it over
        while True:
            for run in self.live.values():
                if run["deadline"] <= self.now():
                    run["outcome"] = run["outcome"] or failed("transient", "timed out")
            ended = [run for run in self.live.values() if run["outcome"]]
            if ended and "ok" not in self.call(["runner", "settle"], [ended]):
                return
            for run in ended:
                del self.live[run["run-id"]]
            free = PARALLEL_RUNS - len(self.live)
            due = self.storage.next_due() <= self.now()
            polled = self.call(["runner", "poll"], [free]) if due and not ended else {}
            if not ended and not polled.get("ok", {}).get("claimed"):
                self.storage.run("deliver")
                return

    def advance(self, to):
        """Works until then, going from one instant at which something is due to the next."""
        while self.now() < to:
            looks = [self.now() + LOOK_MS] if self.live else []
            ahead = [self.storage.next_due(), *(run["deadline"] for run in self.live.values()), *looks]
            self.until(min([to, *(at for at in ahead if at > self.now())]))
            self.work()

    def answer(self, step):
        told = {}

        def interrupt():
            self.interrupt = None
            told["meanwhile"] = self.call(step["meanwhile"]["call"], step["meanwhile"]["arguments"])

        self.interrupt = interrupt if "meanwhile" in step else None
        if "call" in step:
            return self.call(step["call"], step["arguments"]) | told
        return {"ok": self.advance(step["advance_to"]) if "advance_to" in step else self.storage.read("inbox")} | told

    def serve(self, lines):
        while True:
            self.work()
            idle = max(0, min(LOOK_MS, self.storage.next_due() - self.now())) / 1000
            if not select.select([lines], [], [], idle if self.instant is None else None)[0]:
                continue
            line = lines.readline()
            if not line:
                return
            print(json.dumps(self.answer(json.loads(line))), flush=True)


# Unbuffered: a line that was not read yet is seen by `select`.
Host(*sys.argv[1:]).serve(open(0, "rb", buffering=0))
