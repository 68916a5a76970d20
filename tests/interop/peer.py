"""A peer that shares no code with the project: eclipse-zenoh for the wire, rosbags for CDR, rihs01.py for type hashes.

It meets a node `/base/habitat` at the router, checks what that says and how, and answers it. `interop.rs` starts it and
says there what the node does. Every check prints a line; the first that fails ends it.
"""

import json
import re
import struct
import sys
import time
from pathlib import Path

import zenoh
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from rihs01 import read_types, rihs01

PATIENCE_S = 30
GID = bytes(range(1, 17))


def main():
    router, root, hashes = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    interfaces = root / "crates/mesh-ros/interfaces"
    folders = [("cosmosmesh_msgs", root / "msg")] + [(path.name, path) for path in sorted(interfaces.iterdir())]
    types = read_types(folders)
    check_hashes(types, hashes)
    keys = Keys(types)
    store = typestore(folders)

    config = zenoh.Config()
    config.insert_json5("mode", '"client"')
    config.insert_json5("connect/endpoints", json.dumps([router]))
    config.insert_json5("scouting/multicast/enabled", "false")
    with zenoh.open(config) as session:
        check_tokens(session, keys)
        check_history(session, keys, store)
        check_clock(session, keys, store)
        check_service(session, keys, store)
        say_something(session, keys, store)
        serve(session, keys, store)


class Keys:
    """Keys as rmw_zenoh makes them, with hashes computed here."""

    def __init__(self, types):
        self.types = types

    def typed(self, ros_type):
        package, kind, name = ros_type.split("/")
        return f"{package}::{kind}::dds_::{name}_/{rihs01(self.types, ros_type)}"

    def data(self, name, ros_type):
        return f"0{name}/{self.typed(ros_type)}"

    def token(self, session, role, name, ros_type, qos):
        mangled = name.replace("/", "%")
        return f"@ros2_lv/0/{session.zid()}/0/7/{role}/%/%base/peer/{mangled}/{self.typed(ros_type)}/{qos}"


def typestore(folders):
    """rosbags resolves names in services beside the service, so they are written out."""
    found = {}
    for package, folder in folders:
        for path in sorted(folder.glob("msg/*.msg")):
            found.update(get_types_from_msg(path.read_text(), f"{package}/msg/{path.stem}"))
        for path in sorted(folder.glob("srv/*.srv")):
            sides = re.split(r"^---$", path.read_text(), flags=re.M)
            for side, text in zip(("Request", "Response"), sides):
                text = re.sub(r"^([A-Z]\w*)", rf"{package}/msg/\1", text, flags=re.M)
                found.update(get_types_from_msg(text, f"{package}/msg/{path.stem}_{side}"))
    store = get_typestore(Stores.EMPTY)
    store.register(found)
    return store


def check_hashes(types, hashes):
    same("the types that there are", sorted(hashes), sorted(set(types) - {name for name in types if "_Event" in name}))
    for name, expect in hashes.items():
        same(f"the hash of {name}", expect, rihs01(types, name))


def check_tokens(session, keys):
    zid = None
    status, step = "cosmosmesh_msgs/msg/AssetStatus", "cosmosmesh_msgs/srv/Step"
    wanted = {
        "NN/%/%base/habitat",
        f"MP/%/%base/habitat/%base%habitat%status/{keys.typed(status)}/:1:,1:,:,:,,",
        f"MP/%/%base/habitat/%clock/{keys.typed('rosgraph_msgs/msg/Clock')}/2::,1:,:,:,,",
        f"MP/%/%base/habitat/%rosout/{keys.typed('rcl_interfaces/msg/Log')}/:1:,100:,:,:,,",
        f"SS/%/%base/habitat/%base%habitat%step/{keys.typed(step)}/::,10:,:,:,,",
        f"MS/%/%base/habitat/%base%peer%says/{keys.typed('std_msgs/msg/Header')}/::,10:,:,:,,",
    }
    found = {}
    for reply in session.liveliness().get("@ros2_lv/0/**", timeout=PATIENCE_S):
        _, _, zid, node, entity, described = str(reply.ok.key_expr).split("/", 5)
        found[described] = (zid, node, entity)
    for token in sorted(wanted):
        holds(f"the token {token}", token in found, sorted(found))
    entities = [found[token] for token in wanted]
    same("one session and one node", 1, len({(zid, node) for zid, node, _ in entities}))
    same("a number for each entity", len(wanted), len({entity for _, _, entity in entities}))
    zid, node, entity = found["NN/%/%base/habitat"]
    same("a node's own number", node, entity)


def check_history(session, keys, store):
    """What was said before this peer was there."""
    name = "cosmosmesh_msgs/msg/DualVariables"
    samples = late(session, keys.data("/base/habitat/dual", name), 3)
    same("all that is kept", [1, 2, 3], [attached(sample)[0] for sample in samples])
    same("one publisher", 1, len({attached(sample)[1] for sample in samples}))
    for number, sample in enumerate(samples, 1):
        dual = store.deserialize_cdr(sample.payload.to_bytes(), name)
        same("the sender", "habitat", dual.sender)
        same("the epoch", (7, 2, "planner"), (dual.epoch.plan, dual.epoch.number, dual.epoch.opener))
        same("the edge", ("power", "habitat", "rover"), (dual.edge.junction, dual.edge.source, dual.edge.sink))
        same("the round", (number, True), (dual.round, dual.awaits))
        same("the numbers", ([number / 4, -2.5], []), (list(dual.reflected), list(dual.offered)))
        same("the weight", (1, -1), (dual.weight, dual.rescale))

    name = "cosmosmesh_msgs/msg/AssetStatus"
    [sample] = late(session, keys.data("/base/habitat/status", name), 1)
    same("the last of two", 2, attached(sample)[0])
    status = store.deserialize_cdr(sample.payload.to_bytes(), name)
    same("the time", (3600, 5), (status.stamp.sec, status.stamp.nanosec))
    same("the asset", ("habitat", "habitat", 0, True), (status.asset, status.domain, status.mode, status.planner))
    same("its peers", ["rover", "satellite"], status.peers)
    same("the window", (1800, 24), (status.window.step_s, status.window.steps))
    same("its stores", (41.5, True), (status.soc_kwh, status.buffer_gbit != status.buffer_gbit))
    same("a large number", 2**64 - 1, status.refused)


def late(session, key, count):
    subscriber = zenoh.ext.declare_advanced_subscriber(
        session, key, history=zenoh.ext.HistoryConfig(detect_late_publishers=True)
    )
    return receive(subscriber, key, count)


def receive(subscriber, key, count):
    samples, deadline = [], time.monotonic() + PATIENCE_S
    while len(samples) < count:
        sample = subscriber.try_recv()
        if sample is not None:
            same("the key", key, str(sample.key_expr))
            samples.append(sample)
        elif time.monotonic() > deadline:
            raise SystemExit(f"FAILED: only {len(samples)} of {count} messages on {key}")
        else:
            time.sleep(0.005)
    subscriber.undeclare()
    return samples


def check_clock(session, keys, store):
    """The node publishes once it sees this peer's subscription in the graph."""
    name = "rosgraph_msgs/msg/Clock"
    key = keys.data("/clock", name)
    subscriber = session.declare_subscriber(key)
    token = session.liveliness().declare_token(keys.token(session, "MS", "/clock", name, "2::,1:,:,:,,"))
    samples = receive(subscriber, key, 5)
    token.undeclare()
    clocks = [store.deserialize_cdr(sample.payload.to_bytes(), name).clock for sample in samples]
    same("the clock", [(second, second * 1000) for second in range(1, 6)], [(at.sec, at.nanosec) for at in clocks])
    same("in order", list(range(1, 6)), [attached(sample)[0] for sample in samples])


def check_service(session, keys, store):
    key = keys.data("/base/habitat/step", "cosmosmesh_msgs/srv/Step")
    request_type, response_type = ("cosmosmesh_msgs/msg/Step_Request", "cosmosmesh_msgs/msg/Step_Response")
    request = store.types[request_type](grant=array([1, 2, 250]))
    payload = bytes(store.serialize_cdr(request, request_type))
    [reply] = ask(session, key, payload, attachment(41))
    same("the key of the answer", key, str(reply.ok.key_expr))
    answer = store.deserialize_cdr(reply.ok.payload.to_bytes(), response_type)
    same("the answer", [250, 2, 1], list(answer.answer))
    same("whose answer it is", (41, GID), attached(reply.ok))
    for what, payload, attached_bytes in [
        ("garbage", b"\xff" * 30, attachment(42)),
        ("nothing attached", payload, None),
        ("something else attached", payload, b"\x01" * 7),
    ]:
        [reply] = ask(session, key, payload, attached_bytes)
        holds(f"{what} is refused", reply.ok is None and len(reply.err.payload.to_string()) > 5, reply)


def ask(session, key, payload, attached_bytes):
    target = zenoh.QueryTarget.ALL_COMPLETE
    return list(session.get(key, payload=payload, attachment=attached_bytes, target=target, timeout=PATIENCE_S))


def say_something(session, keys, store):
    """The node listens on /base/peer/says."""
    name = "std_msgs/msg/Header"
    key = keys.data("/base/peer/says", name)
    stamp = store.types["builtin_interfaces/msg/Time"](sec=-5, nanosec=999)
    header = store.types[name](stamp=stamp, frame_id="grüße")
    good = bytes(store.serialize_cdr(header, name))
    block = zenoh.CongestionControl.BLOCK
    session.put(key, b"garbage", attachment=attachment(1), congestion_control=block)
    session.put(key, good, congestion_control=block)
    session.put(key, good, attachment=attachment(2), congestion_control=block)


def serve(session, keys, store):
    """Until the node has called: then it closes the pipe."""
    name = "cosmosmesh_msgs/srv/Step"
    key = keys.data("/base/peer/step", name)

    def answer(query):
        request = store.deserialize_cdr(query.payload.to_bytes(), "cosmosmesh_msgs/msg/Step_Request")
        response = store.types["cosmosmesh_msgs/msg/Step_Response"](answer=array([sum(request.grant.tolist()) % 256]))
        payload = bytes(store.serialize_cdr(response, "cosmosmesh_msgs/msg/Step_Response"))
        sequence, gid = attached(query)
        query.reply(key, payload, attachment=attachment(sequence, gid))

    queryable = session.declare_queryable(key, answer, complete=True)
    token = session.liveliness().declare_token(keys.token(session, "SS", "/base/peer/step", name, "::,10:,:,:,,"))
    sys.stdin.read()
    token.undeclare()
    queryable.undeclare()


def attachment(sequence, gid=GID):
    return struct.pack("<qqB16s", sequence, time.time_ns(), 16, gid)


def attached(sample):
    """Sequence number and identity; the time is checked here."""
    data = sample.attachment.to_bytes()
    same("the length of the attachment", 33, len(data))
    sequence, sent_ns, length, gid = struct.unpack("<qqB16s", data)
    holds("the attachment", length == 16 and any(gid) and sequence > 0, data)
    holds("its time", abs(time.time_ns() - sent_ns) < 300e9, sent_ns)
    return sequence, gid


def array(numbers):
    import numpy

    return numpy.array(numbers, dtype=numpy.uint8)


def same(what, expect, found):
    holds(what, expect == found, f"{found!r}, not {expect!r}")


def holds(what, truth, found):
    if not truth:
        raise SystemExit(f"FAILED: {what}: {found}")
    print(f"good: {what}", flush=True)


if __name__ == "__main__":
    main()
