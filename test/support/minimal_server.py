"""A server for one machine, written from the protocol's page with only Python's standard library.

usage: minimal_server.py PORT KEY FOLDER
Reads commands as JSON lines, without command_id, from standard input. Prints the daemon's messages to standard output,
one JSON object a line. Stores each agent's activity in FOLDER. A real server would store its commands there, too.
"""
import base64, hashlib, json, os, socket, struct, sys, threading, time

PORT, KEY, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3]
LONGEST_FRAME = 32 * 1024 * 1024
PING_S, SILENCE_S = 10, 25
# Events may be nested 1000 levels deep; Python's own limit is lower.
sys.setrecursionlimit(4000)

lock = threading.RLock()
unanswered = {}  # command_id -> command
link = None      # the machine's connection, after its greeting
have = {}        # agent_id -> end of its journal on this disk
journals = {}    # agent_id -> generation of that journal, if it is not the first
begin = {}       # agent_id -> first byte that the machine still has
asked = set()    # agents whose missing bytes were requested
continued = set()  # agents whose journals the machine still has, and agents that sent activity since


def say(what):
    with lock:
        print(json.dumps(what), flush=True)


def path_of(agent):
    return os.path.join(FOLDER, agent + ".jsonl")


for name in os.listdir(FOLDER):
    if name.count(".") > 1:
        continue  # a journal that its machine no longer has
    with open(os.path.join(FOLDER, name), "rb+") as file:
        lines = file.read().split(b"\n")
        # A crash has torn the rest after the last newline, which was never acknowledged.
        file.truncate(sum(len(line) + 1 for line in lines[:-1]))
        if len(lines) > 1:
            last = json.loads(lines[-2])
            have[name[:-len(".jsonl")]] = last["to"]
            if "journal" in last:
                journals[name[:-len(".jsonl")]] = last["journal"]


class Link:
    def __init__(self, connection):
        self.connection, self.stream = connection, connection.makefile("rb")
        self.greeted = False

    def accept(self):
        """Answers the HTTP upgrade. Returns whether it was valid, with the right key."""
        self.stream.readline()
        headers = {}
        while (line := self.stream.readline().strip()):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("authorization") != "Bearer " + KEY:
            self.connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            return False
        magic = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode()
        self.connection.sendall(
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())
        self.connection.settimeout(SILENCE_S)
        return True

    def read(self, count):
        data = self.stream.read(count)
        if len(data) < count:
            raise ConnectionError("the daemon is gone")
        return data

    def send_raw(self, opcode, data=b""):
        size = len(data)
        head = bytes([0x80 | opcode]) + (
            bytes([size]) if size < 126 else struct.pack("!BH", 126, size) if size < 65536 else struct.pack("!BQ", 127, size))
        with lock:
            self.connection.sendall(head + data)

    def send(self, message):
        self.send_raw(1, json.dumps(message).encode())

    def close(self, code):
        try:
            self.send_raw(8, struct.pack("!H", code))
        except OSError:
            pass  # the daemon does not read any more
        self.hang_up()

    def hang_up(self):
        try:
            # close() alone leaves TCP open while another thread reads from it.
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the daemon closed it first
        self.connection.close()

    def frames(self):
        """Yields the text of each frame until the link is closed."""
        text = b""
        while True:
            first, second = self.read(2)
            size = second & 127
            if size >= 126:
                size = struct.unpack("!H", self.read(2))[0] if size == 126 else struct.unpack("!Q", self.read(8))[0]
            if size + len(text) > LONGEST_FRAME:
                return self.close(1009)
            mask = self.read(4)
            data = bytearray(self.read(size))
            for i in range(4):
                data[i::4] = data[i::4].translate(bytes(mask[i] ^ byte for byte in range(256)))
            opcode = first & 15
            if opcode == 8:
                return self.close(1000)
            if opcode == 9:
                self.send_raw(10, bytes(data))
            if opcode == 2:
                self.send({"type": "protocol:error", "code": "not_text", "message": "Frames are text."})
            if opcode in (0, 1):
                text += data
                if first & 0x80:
                    yield text.decode()
                    text = b""

    def serve(self):
        global link
        try:
            if self.accept():
                threading.Thread(target=self.ping, daemon=True).start()
                for frame in self.frames():
                    self.read_and_take(frame)
        except (OSError, ConnectionError):
            pass
        self.hang_up()
        with lock:
            if link is self:
                link = None
        say({"disconnected": True})

    def ping(self):
        try:
            while True:
                time.sleep(PING_S)
                self.send_raw(9)
        except OSError:
            pass

    def read_and_take(self, frame):
        code = "not_json"
        try:
            message = json.loads(frame)
            code = "invalid"
            self.take(message)
        except (ValueError, KeyError, TypeError) as error:
            self.send({"type": "protocol:error", "code": code, "message": repr(error)})

    def take(self, message):
        kind = message["type"]
        if kind == "machine:hello":
            return self.greet(message)
        if not self.greeted:
            return self.send({"type": "protocol:error", "code": "unexpected", "message": "Say machine:hello first."})
        if kind == "agent:activity":
            return self.store(message)
        if kind == "link:ping":
            return self.send({"type": "link:pong", "nonce": message.get("nonce")})
        if kind == "protocol:error" and message.get("of_type") == "server:welcome":
            self.start_over(message.get("path", "").removeprefix("offsets."))
        if kind == "agent:status":
            begin[message["agent_id"]] = message["begin"]
        if kind == "agent:removed":
            continued.discard(message["agent_id"])
        if kind.endswith(":result"):
            with lock:
                unanswered.pop(message["command_id"], None)
        say(message)

    def greet(self, hello):
        global link
        if hello["protocol"]["minimum"] > 1:
            self.send({"type": "server:refuse", "code": "protocol_version", "message": "This server speaks version 1."})
            return self.close(4004)
        with lock:
            if link:
                link.close(4001)
            link, self.greeted = self, True
            asked.clear()
            begin.clear()
            continued.clear()
            for status in hello["agents"]:
                continued.add(status["agent_id"])
                begin[status["agent_id"]] = status["begin"]
            ours = {agent: have[agent] for agent in begin if agent in have}
            self.send({"type": "server:welcome", "protocol": {"version": 1}, "offsets": ours, "journals": journals})
            for command in unanswered.values():
                self.send(command)
        say(hello)

    def start_over(self, agent):
        """Sets the old journal aside: the machine's present journal is a new one."""
        if agent in have:
            os.rename(path_of(agent), path_of(f"{agent}.{time.time_ns()}"))
            have.pop(agent)
            journals.pop(agent, None)
            self.send({"type": "agent:resend", "agent_id": agent, "from": 0})

    def store(self, frame):
        agent, start, end = frame["agent_id"], frame["from"], frame["to"]
        if agent not in continued:
            continued.add(agent)
            self.start_over(agent)
        at = have.get(agent, 0)
        if end > at and (start == at or (start > at and start == begin.get(agent))):
            with open(path_of(agent), "ab") as file:
                if "journal" in frame:
                    journals[agent] = frame["journal"]
                line = {"from": start, "to": end, "events": frame["events"]}
                if agent in journals:
                    line["journal"] = journals[agent]
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            have[agent] = at = end
            asked.discard(agent)
            say(frame)
        elif end > at:
            if agent not in asked:
                asked.add(agent)
                self.send({"type": "agent:resend", "agent_id": agent, "from": at})
            return
        self.send({"type": "agent:ack", "offsets": {agent: at}})


def commands():
    for number, line in enumerate(sys.stdin):
        command = {"command_id": f"{os.getpid()}-{number}", **json.loads(line)}
        with lock:
            unanswered[command["command_id"]] = command
            try:
                if link:
                    link.send(command)
            except OSError:
                link.hang_up()  # the machine gets the command when it connects again
    os._exit(0)


threading.Thread(target=commands, daemon=True).start()
with socket.create_server(("127.0.0.1", PORT)) as server:
    say({"listening": server.getsockname()[1]})
    while True:
        threading.Thread(target=Link(server.accept()[0]).serve, daemon=True).start()
