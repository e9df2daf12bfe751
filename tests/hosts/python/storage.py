"""The import `storage`: the statements of ../storage.sql, and a savepoint for each unit of work.

Its functions take and give JSON. An error is its variant, given in the answer's place: wasmtime
takes a result's ok and error as bare values where their Python types differ."""
import json
import math
import pathlib
import re
import sqlite3

LEASE_MS = 30_000
# What it means that a write changed no row, where that is no success.
REFUSED = {"update-job": "stale", "update-run": "stale", "insert-run": "duplicate-slot"}


class Storage:
    def __init__(self, path, now):
        text = (pathlib.Path(__file__).parent.parent / "storage.sql").read_text()
        _, _, schema, *named = re.split(r"^/\* (\S+) \*/", text, flags=re.M)
        self.sql = dict(zip(named[::2], named[1::2]))
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(schema)
        self.now = now

    def run(self, name, **values):
        text = {key: json.dumps(value) for key, value in values.items() if isinstance(value, (dict, list))}
        return self.db.execute(self.sql[name], values | text)

    def read(self, name, **values):
        return [body and json.loads(body) for body, in self.run(name, **values)]

    def imports(self):
        return {
            "get-jobs": lambda ids: self.read("get-jobs", ids=ids),
            "get-runs": lambda ids: self.read("get-runs", ids=ids),
            "find-jobs": self.find,
            "find-runs": lambda filter: self.read("find-runs", filter=filter),
            "find-edges": lambda filter: self.read(filter["tag"], filter=filter["val"]),
            "find-messages": lambda filter: self.read("find-messages", filter=filter),
            "find-changes": lambda job, limit: self.read("find-changes", job=job, limit=limit),
            "search-jobs": self.search,
            "claim-due": self.claim,
            "commit": self.commit,
        }

    def find(self, filter, page, match=None, ranked=False):
        if not re.fullmatch(r"\d*", page.get("cursor", "")):
            return {"tag": "bad-cursor"}
        return self.read("find-jobs", filter=filter, page=page, match=match, ranked=ranked)[0]

    def search(self, query):
        words = self.run("words", query=query).fetchone()[0]
        return self.find(query["filter"], query["page"], words, query["best-first"])

    def claim(self, limit):
        claims = self.read("claim-due", now=self.now(), until=self.now() + LEASE_MS, limit=limit)
        return sorted(claims, key=lambda claim: claim["job"]["state"]["due-at"])

    def commit(self, units):
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            return [self.unit(unit) for unit in units]

    def unit(self, unit):
        """All of a unit's writes, or none: then answers why."""
        self.db.execute("SAVEPOINT unit")
        try:
            refusal = self.refusal(unit)
        except sqlite3.IntegrityError as error:
            refusal = {"tag": "forbidden", "val": str(error)}
        if refusal:
            self.db.execute("ROLLBACK TO unit")
        self.db.execute("RELEASE unit")
        return refusal

    def refusal(self, unit):
        for guard in unit["guards"]:
            if not self.run(guard["tag"], guard=guard["val"]).fetchone():
                return {"tag": "stale"}
        for tag, write in ((write["tag"], write["val"]) for write in unit["writes"]):
            unchanged = self.run(tag, write=write).rowcount == 0
            if unchanged and tag == "insert-job":
                return {"tag": "duplicate-key", "val": self.run("key-holder", write=write).fetchone()[0]}
            if unchanged and tag in REFUSED:
                return {"tag": REFUSED[tag]}

    def renew(self, run):
        """Keeps a run's lease; false: it is lost."""
        return self.run("renew", job=run["job-id"], token=run["token"], until=self.now() + LEASE_MS).rowcount > 0

    def next_due(self):
        return self.run("next-due").fetchone()[0] or math.inf
