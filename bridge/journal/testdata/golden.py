#!/usr/bin/env python3
"""Computes golden.json: a second implementation of the journal's numbers,
hashes and record encoding, from the text of the format alone. Run it only for
a new format version: what it wrote once is replayed for ever."""
import hashlib, json, struct

class Stream:
    """SHA-256 of a counter, as an endless stream of bytes."""
    def __init__(self): self.n, self.left = 0, b""
    def read(self, size):
        while len(self.left) < size:
            self.left += hashlib.sha256(struct.pack(">Q", self.n)).digest()
            self.n += 1
        out, self.left = self.left[:size], self.left[size:]
        return out

def ulid(ms, rand):
    n, alphabet, text = int.from_bytes(struct.pack(">Q", ms)[2:] + rand, "big"), "0123456789ABCDEFGHJKMNPQRSTVWXYZ", ""
    for _ in range(26):
        text, n = alphabet[n & 31] + text, n >> 5
    return text

def sha(*parts): return "sha256:" + hashlib.sha256(b"".join(parts)).hexdigest()
def field(text): b = text.encode(); return struct.pack(">I", len(b)) + b
def dumps(v, **k): return json.dumps(v, ensure_ascii=False, separators=(",", ":"), **k).encode()
def uvarint(n):
    out = b""
    while n >= 128: out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])

drafts = [
    dict(id="01JD00000000000000000000A1", type="watchpost.incident.opened", subject="incidents/01JD00000000000000000000A0", time="2026-03-01T02:03:04.005Z", recorded="2026-03-01T02:03:04.105Z", lane="alarm", severity="P0", drill=False, data={"schema": 1, "incident": "01JD00000000000000000000A0", "cameras": ["gate-east", "gate-west"], "priority": "P0"}, key=""),
    dict(id="01JD00000000000000000000A2", type="watchpost.alert.raised", subject="incidents/01JD00000000000000000000A0", time="2026-03-01T02:03:04.005Z", recorded="2026-03-01T02:03:04.105Z", lane="alarm", severity="P0", drill=False, data={"schema": 1, "place": "步行街南口 <A&B>", "press": {"seq": 42, "pillar": "P-001"}}, key="press/P-001/x/2026-03-01T02:03:04Z/42"),
    dict(id="01JD00000000000000000000A3", type="watchpost.device.offline", subject="devices/gate-east", time="", recorded="2026-03-01T02:03:05.000Z", lane="notice", severity="P3", drill=False, data={"schema": 1, "why": "line\nbreak \"quoted\" \\"}, key=""),
    dict(id="01JD00000000000000000000A4", type="watchpost.alert.ended", subject="alerts/1", time="2026-03-01T02:03:06.000Z", recorded="2026-03-01T02:03:06.001Z", lane="alarm", severity="P2", drill=True, data={}, key="k" * 200),
    dict(id="01JD00000000000000000000A5", type="watchpost.access.login", subject="users/wang", time="2026-03-01T02:03:07.000Z", recorded="2026-03-01T02:03:07.000Z", lane="local", severity="P3", drill=False, data={"b": None, "a": True, "c": 1.5}, key=""),
    dict(id="01JD00000000000000000000A6", type="watchpost.clip.ready", subject="clips/1", time="2026-03-01T02:03:08.000Z", recorded="2026-03-01T02:03:08.000Z", lane="clip", severity="P0", drill=False, data={"bytes": 9007199254740991, "offset_ms": -0.25}, key=""),
]
source, stream = "/stations/jingdong/boxes/a", Stream()
epoch_ms = 1772330000000
epoch = ulid(epoch_ms, stream.read(10))
last, records = {}, []
for place, d in enumerate(drafts, 1):
    n, prev = last.get(d["lane"], (0, "sha256:" + "0" * 64))
    salt, canonical = stream.read(16), dumps(d["data"], sort_keys=True)
    sequence, datahash = "%020d" % (n + 1), sha(salt, canonical)
    hash_ = sha(*map(field, [epoch, d["lane"], sequence, d["id"], source, d["type"], d["subject"], d["time"], d["recorded"], d["severity"], "true" if d["drill"] else "false", datahash, prev]))
    head = dict(specversion="1.0", id=d["id"], source=source, type=d["type"], time=d["time"], recordedtime=d["recorded"], subject=d["subject"], datacontenttype="application/json", epoch=epoch, lane=d["lane"], sequence=sequence, prevhash=prev, datahash=datahash, datasalt=salt.hex(), severity=d["severity"], drill=d["drill"])
    wire = dumps(head)[:-1] + b',"data":' + canonical + b"}"
    stored = b"\x01" + uvarint(len(d["key"])) + d["key"].encode() + wire
    records.append(dict(place=place, hash=hash_, stored=stored.hex()))
    last[d["lane"]] = (n + 1, hash_)
with open("golden.json", "w") as f:
    json.dump(dict(source=source, epoch=epoch, epoch_ms=epoch_ms, drafts=drafts, records=records), f, ensure_ascii=False, indent=1)
    f.write("\n")
