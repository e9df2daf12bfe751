"""Values of the contract: as JSON in the WIT's spelling, and as wasmtime has them."""
from wasmtime.component import Record, Variant


class Fields(Record):
    """A record from JSON: what is left out is none."""

    def __getattr__(self, name):
        return None


def from_json(value):
    if isinstance(value, list):
        return [from_json(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if "tag" in value:
        return Variant(value["tag"], from_json(value.get("val")))
    record = Fields()
    vars(record).update((name, from_json(entry)) for name, entry in value.items())
    return record


def to_json(value):
    if isinstance(value, list):
        return [to_json(entry) for entry in value]
    if isinstance(value, Variant):
        return {"tag": value.tag, "val": to_json(value.payload)}
    if isinstance(value, Record):
        return {name: to_json(entry) for name, entry in vars(value).items() if entry is not None}
    return value
