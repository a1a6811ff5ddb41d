#!/usr/bin/python3
"""A small headquarters: takes a Watchpost box's events over MQTT, keeps them,
checks hashes and chain, asks for what it misses, and sends receipts.

It follows the receiving rules of Watchpost's contracts. Debian's python3 and
python3-paho-mqtt are all it needs:

    subscriber.py --broker hq.example:1883 --station jingdong --box a --store events.db
    subscriber.py --store events.db --check

Its receipts promise that an event is on its disk: they are sent after the
commit. So the box may forget, and this program may be killed, at any moment.
"""
import argparse
import hashlib
import json
import queue
import signal
import sqlite3
import sys
import time
import uuid

ZERO = "sha256:" + "0" * 64
ASK_AGAIN = 10.0  # seconds without progress after which a gap is asked for again
BATCH = 500       # messages a commit; the box has at most as many on their way
CHAINED = ("epoch", "lane", "sequence", "id", "source", "type", "subject", "time",
           "recordedtime", "severity", "drill", "datahash", "prevhash")


def event_hash(event):
    """The chained fields, each as a 4-byte length and its UTF-8 bytes."""
    digest = hashlib.sha256()
    for name in CHAINED:
        value = event.get(name, "")
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
        digest.update(len(text.encode()).to_bytes(4, "big") + text.encode())
    return "sha256:" + digest.hexdigest()


def data_bytes(text):
    """The bytes of `data` as they came: they are what was hashed."""
    decoder, at = json.JSONDecoder(), 1
    while True:
        key, at = decoder.raw_decode(text, at)
        _, end = decoder.raw_decode(text, at + 1)  # after the colon
        if key == "data":
            return text[at + 1:end].encode()
        if text[end] == "}":
            return None  # withheld from us, or erased by law
        at = end + 1  # after the comma


def data_fits(event, text):
    data = data_bytes(text)
    if data is None:
        return True
    salted = bytes.fromhex(event["datasalt"]) + data
    return event["datahash"] == "sha256:" + hashlib.sha256(salted).hexdigest()


class Store:
    """Events and the end of each chain, in one SQLite file."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")  # a commit is on the disk
        self.db.executescript("""
            CREATE TABLE IF NOT EXISTS events (epoch, lane, sequence INTEGER, hash, wire, PRIMARY KEY (epoch, lane, sequence));
            CREATE TABLE IF NOT EXISTS chains (epoch, lane, last INTEGER, hash, PRIMARY KEY (epoch, lane));
            CREATE TABLE IF NOT EXISTS now (id PRIMARY KEY, wire);
        """)

    def chain(self, epoch, lane):
        row = self.db.execute("SELECT last, hash FROM chains WHERE epoch = ? AND lane = ?", (epoch, lane)).fetchone()
        return row or (0, ZERO)

    def jump(self, epoch, lane, last, digest):
        self.db.execute("INSERT OR REPLACE INTO chains VALUES (?, ?, ?, ?)", (epoch, lane, last, digest))

    def take(self, event, number, digest, wire):
        self.db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (event["epoch"], event["lane"], number, digest, wire))
        self.jump(event["epoch"], event["lane"], number, digest)

    def known(self, epoch, lane, number):
        row = self.db.execute("SELECT hash, wire FROM events WHERE epoch = ? AND lane = ? AND sequence = ?", (epoch, lane, number)).fetchone()
        return row or (None, None)

    def complete(self, event, number, wire):
        self.db.execute("UPDATE events SET wire = ? WHERE epoch = ? AND lane = ? AND sequence = ?", (wire, event["epoch"], event["lane"], number))


class Subscriber:
    def __init__(self, options, store):
        self.root = f"watchpost/{options.station}/{options.box}/"
        self.source = f"/stations/{options.station}/boxes/{options.box}"
        self.store = store
        self.inbox = queue.Queue()
        self.asked = {}     # (epoch, lane) -> (time of the last progress, up to where)
        self.receipts = []  # sent after the commit
        self.client = connect(options, self)

    def down(self, leaf, body, retain=False):
        self.client.publish(self.root + "down/" + leaf, json.dumps(body, ensure_ascii=False), qos=1, retain=retain)

    def run(self):
        """One round: all that has come is one commit, then its receipts go."""
        try:
            messages = [self.inbox.get(timeout=0.5)]
        except queue.Empty:
            return
        while len(messages) < BATCH and not self.inbox.empty():
            messages.append(self.inbox.get())
        with self.store.db:
            for topic, payload in messages:
                self.receive(topic[len(self.root):].split("/"), payload)
        through = {}
        for receipt in self.receipts:
            if "through" in receipt:
                through[receipt["epoch"], receipt["lane"]] = receipt
            else:
                self.down("receipt", receipt)
        for receipt in through.values():
            self.down("receipt", receipt)
        self.receipts.clear()

    def receive(self, way, payload):
        """way is up/{lane}, up/now or up/replay/{lane}."""
        try:
            wire = payload.decode()
            event = json.loads(wire)
            digest, number, fits = event_hash(event), int(event["sequence"]), data_fits(event, wire)
        except (ValueError, LookupError, TypeError, AttributeError) as err:
            return say("unreadable", *way, err)
        if event["source"] != self.source:
            return say("foreign", event["source"])
        if not fits:
            return self.reject(event, "data is not what was hashed")
        if way[1] == "now":
            # Shown at once, kept by id; it never moves the chain: its copy in
            # the lane does.
            self.store.db.execute("INSERT OR IGNORE INTO now VALUES (?, ?)", (event["id"], wire))
            self.receipts.append({"id": event["id"], "result": "received"})
            return say("now", event["severity"], event["type"], event["subject"])
        return self.lane(way[-1], event, number, digest, wire)

    def lane(self, lane, event, number, digest, wire):
        epoch = event["epoch"]
        if event["type"] == "watchpost.journal.retired" and event.get("data", {}).get("lane") == lane:
            self.retired(epoch, lane, event["data"])
        last, last_hash = self.store.chain(epoch, lane)
        if event["lane"] == lane:
            if number <= last:
                known, had = self.store.known(epoch, lane, number)
                if known and known != digest:
                    return self.reject(event, f"differs from number {number} that came before")
                if known and "data" in event and "data" not in json.loads(had):
                    self.store.complete(event, number, wire)  # it came without data before
                    say("completed", lane, number, event["type"])
            elif number > last + 1:
                return self.ask(epoch, lane, last, number)
            elif event["prevhash"] != last_hash:
                return self.reject(event, "does not continue the chain")
            else:
                self.store.take(event, number, digest, wire)
                if (epoch, lane) in self.asked:
                    self.asked[epoch, lane] = (time.monotonic(), self.asked[epoch, lane][1])
                say("took", lane, number, event["severity"], event["type"], event["subject"])
        self.receipts.append({"epoch": epoch, "lane": lane, "through": self.store.chain(epoch, lane)[0], "result": "received"})

    def retired(self, epoch, lane, gone):
        """The box no longer has a range, and says its last hash in its stead."""
        last, _ = self.store.chain(epoch, lane)
        if int(gone["from"]) <= last + 1 and int(gone["to"]) > last:
            self.store.jump(epoch, lane, int(gone["to"]), gone["hash"])
            say("retired", lane, gone["from"], gone["to"])

    def ask(self, epoch, lane, last, number):
        """A gap: everything after `last` again, what has just come included."""
        when, to = self.asked.get((epoch, lane), (0, 0))
        if last < to and time.monotonic() - when < ASK_AGAIN:
            return  # it is on its way
        self.asked[epoch, lane] = (time.monotonic(), number)
        say("gap", lane, last + 1, number)
        self.down("replay", {"request": uuid.uuid4().hex, "epoch": epoch, "lane": lane, "from": last + 1, "to": number})

    def reject(self, event, reason):
        say("broken", event["lane"], event["sequence"], reason)
        self.receipts.append({"id": event["id"], "epoch": event["epoch"], "lane": event["lane"], "result": "rejected", "reason": reason, "by": "subscriber.py"})


def connect(options, subscriber):
    import paho.mqtt.client as mqtt  # --check works without it

    presence = subscriber.root + "down/presence"
    name = f"hq-{options.station}-{options.box}"
    if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, name)
    else:
        client = mqtt.Client(name)  # a clean session: the box keeps everything until its receipt
    client.will_set(presence, json.dumps({"listening": False}), qos=1, retain=True)
    if options.username:
        with open(options.password_file) as file:
            client.username_pw_set(options.username, file.readline().rstrip("\r\n"))
    if options.ca_file:
        client.tls_set(options.ca_file)
    client.on_connect = lambda c, *_: c.subscribe(subscriber.root + "up/#", qos=1)
    # The box sends only while somebody listens: said once the subscription stands.
    client.on_subscribe = lambda c, *_: c.publish(presence, json.dumps({"listening": True}), qos=1, retain=True)
    client.on_message = lambda _c, _u, m: subscriber.inbox.put((m.topic, m.payload))
    client.reconnect_delay_set(1, 10)
    host, _, port = options.broker.rpartition(":")
    client.connect_async(host, int(port), keepalive=15)
    client.loop_start()
    return client


def check(store):
    """The whole chain again, from the stored bytes."""
    sound = True
    chains = {}
    for epoch, lane, number, wire in store.db.execute("SELECT epoch, lane, sequence, wire FROM events ORDER BY epoch, lane, sequence"):
        event = json.loads(wire)
        last, digest, count = chains.get((epoch, lane), (0, ZERO, 0))
        if not data_fits(event, wire) or (number == last + 1 and event["prevhash"] != digest):
            sound = False
            say("broken", lane, number)
        chains[epoch, lane] = (number, event_hash(event), count + 1)
    for (epoch, lane), (last, digest, count) in chains.items():
        say(epoch, lane, last, digest, count)
    return sound


def say(*words):
    print(*words, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--broker", help="host:port")
    parser.add_argument("--station")
    parser.add_argument("--box", default="a")
    parser.add_argument("--store", required=True, help="SQLite file")
    parser.add_argument("--username", default="")
    parser.add_argument("--password-file", default="")
    parser.add_argument("--ca-file", default="", help="speak TLS and trust this authority")
    parser.add_argument("--check", action="store_true", help="check what is stored, and end")
    options = parser.parse_args()
    store = Store(options.store)
    if options.check:
        return 0 if check(store) else 1
    if not options.broker or not options.station:
        parser.error("--broker and --station are needed")
    ending = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.append(True))
    subscriber = Subscriber(options, store)
    while not ending:
        subscriber.run()
    subscriber.down("presence", {"listening": False}, retain=True)
    time.sleep(0.2)  # for its way out
    subscriber.client.disconnect()
    return 0


if __name__ == "__main__":
    sys.exit(main())
