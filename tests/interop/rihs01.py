"""RIHS01 from the text of interface files, after REP 2011: written from the specification, without ROS and without the
project's generator."""

import hashlib
import json
import re
from pathlib import Path

PRIMITIVES = {
    "int8": 2, "uint8": 3, "int16": 4, "uint16": 5, "int32": 6, "uint32": 7, "int64": 8, "uint64": 9,
    "float32": 10, "float64": 11, "char": 3, "bool": 15, "byte": 16, "string": 17,
}
NESTED = 1
ARRAY, BOUNDED_SEQUENCE, SEQUENCE = 48, 96, 144
BOUNDED_STRING = 21


def read_types(folders):
    """Every type by its ROS name, as a list of fields. `folders` are pairs of package and folder."""
    types = {}
    for package, folder in folders:
        for path in sorted(Path(folder).glob("msg/*.msg")):
            types[f"{package}/msg/{path.stem}"] = fields(package, path.read_text())
        for path in sorted(Path(folder).glob("srv/*.srv")):
            name = f"{package}/srv/{path.stem}"
            request, response = re.split(r"^---$", path.read_text(), flags=re.M)
            types[f"{name}_Request"] = fields(package, request)
            types[f"{name}_Response"] = fields(package, response)
            types[f"{name}_Event"] = [
                field("info", NESTED, nested="service_msgs/msg/ServiceEventInfo"),
                field("request", NESTED + BOUNDED_SEQUENCE, 1, nested=f"{name}_Request"),
                field("response", NESTED + BOUNDED_SEQUENCE, 1, nested=f"{name}_Response"),
            ]
            types[name] = [
                field(f"{side.lower()}_message", NESTED, nested=f"{name}_{side}")
                for side in ("Request", "Response", "Event")
            ]
    return types


def fields(package, text):
    """The fields of one message; constants and comments count for nothing."""
    found = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        match = re.match(r"([\w/]+)(<=\d+)?(\[(<=)?(\d*)\])?\s+(\w+)(.*)$", line)
        if not match or match[7].strip().startswith("="):
            continue
        base, string_bound, array, bounded, count, name, _ = match.groups()
        kind, nested = PRIMITIVES.get(base, NESTED), ""
        if kind == NESTED:
            parts = base.split("/")
            nested = base if len(parts) == 3 else "/".join([parts[0] if len(parts) == 2 else package, "msg", parts[-1]])
        if string_bound:
            kind = BOUNDED_STRING
        if array:
            kind += SEQUENCE if not count else BOUNDED_SEQUENCE if bounded else ARRAY
        capacity, string_capacity = int(count or 0), int((string_bound or "<=0")[2:])
        found.append(field(name, kind, capacity, string_capacity, nested))
    return found or [field("structure_needs_at_least_one_member", PRIMITIVES["uint8"])]


def field(name, kind, capacity=0, string_capacity=0, nested=""):
    """One field as the specification writes it; the order of keys counts."""
    of = {"type_id": kind, "capacity": capacity, "string_capacity": string_capacity, "nested_type_name": nested}
    return {"name": name, "type": of}


def rihs01(types, name):
    """The hash of the type and of everything that it nests."""
    nested, open_ends = set(), [name]
    while open_ends:
        for found in types[open_ends.pop()]:
            other = found["type"]["nested_type_name"]
            if other and other not in nested:
                nested.add(other)
                open_ends.append(other)
    described = {
        "type_description": {"type_name": name, "fields": types[name]},
        "referenced_type_descriptions": [{"type_name": other, "fields": types[other]} for other in sorted(nested)],
    }
    return "RIHS01_" + hashlib.sha256(json.dumps(described).encode()).hexdigest()
