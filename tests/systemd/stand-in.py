#!/usr/bin/python3
"""Stands in for the daemon, so that the proofs of run.sh can be tried, and seen to fail, without building it.

It speaks what systemd and the proofs see of `noctriage`: check, topics create, halt, resume, run; notifications, signals, exit
codes, /metrics, /readyz and the admin socket. STAND_IN_FAULT names one thing to do wrong: early_ready, no_watchdog, bad_reload,
wrong_exit, forgets_halt.
"""
import hashlib, http.server, os, signal, socket, sys, threading, time, tomllib

FAULT = os.environ.get("STAND_IN_FAULT", "")
state = {"ready": False, "digest": "", "accepted": 1, "accepted_at": 0.0, "stop": False, "halted": False}


def notify(text):
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(text.encode(), path.replace("@", "\0", 1) if path.startswith("@") else path)


def load(path):
    with open(path, "rb") as f:
        raw = f.read()
    settings = tomllib.loads(raw.decode())
    if "no_such_key" in settings.get("policy", {}):
        raise ValueError("policy.no_such_key: unknown key")
    with open(os.path.join(os.environ.get("CREDENTIALS_DIRECTORY", os.path.dirname(path)), "draw.key")) as f:
        assert len(f.read().strip()) == 32
    return settings, hashlib.sha256(raw).hexdigest()[:12]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = self.path != "/readyz" or state["ready"]
        body = (
            f'noctriage_config_info{{digest="{state["digest"]}"}} 1\n'
            f'noctriage_config_last_reload_successful {state["accepted"]}\n'
            f'noctriage_config_last_reload_success_timestamp_seconds {state["accepted_at"]}\n'
            f'noctriage_halts{{by="socket"}} {int(state["halted"])}\n'
        ) if self.path == "/metrics" else "ready\n" if ready else "not ready: no broker\n"
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def reachable(brokers):
    host, port = brokers.split(",")[0].rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


def obey(path):
    """Listens on the admin socket; the mark beside it remembers a halt."""
    mark = path.removesuffix(".sock") + ".halted"
    state["halted"] = os.path.exists(mark)
    if os.path.exists(path):
        os.remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        state["halted"] = connection.recv(16) == b"halt"
        if os.path.exists(mark):
            os.remove(mark)
        if state["halted"] and FAULT != "forgets_halt":
            open(mark, "w").close()
        connection.close()


def ask(path, word):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(path)
        s.sendall(word.encode())
        s.recv(1)
    return 0


def run(path):
    settings, state["digest"] = load(path)
    state["accepted_at"] = time.time()

    def reload(*_):
        try:
            _, state["digest"] = load(path)
            state.update(accepted=1, accepted_at=time.time())
        except Exception as e:
            print(f"reload refused: {e}", flush=True)
            if FAULT != "bad_reload":
                state["accepted"] = 0

    signal.signal(signal.SIGHUP, reload)
    signal.signal(signal.SIGTERM, lambda *_: state.update(stop=True))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 9464), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if "NOCTRIAGE__ADMIN__SOCKET" in os.environ:
        threading.Thread(target=obey, args=(os.environ["NOCTRIAGE__ADMIN__SOCKET"],), daemon=True).start()
    if FAULT == "early_ready":
        notify("READY=1")
    while not state["stop"]:
        if not state["ready"] and reachable(settings["kafka"]["brokers"]):
            state["ready"] = True
            notify("READY=1\nSTATUS=taking tickets")
        if FAULT != "no_watchdog" or time.time() - state["accepted_at"] < 1:
            notify("WATCHDOG=1")
        time.sleep(0.2)
    notify("STOPPING=1")
    time.sleep(0.5)
    print("drained", flush=True)
    return 0


def main(words):
    path = words[words.index("--config") + 1] if "--config" in words else "noctriage.toml"
    try:
        if words[0] == "run":
            return run(path)
        if words[0] in ("halt", "resume"):
            return ask(words[words.index("--socket") + 1], words[0])
        load(path)
        return 0
    except Exception as e:
        print(f"{path}: {e}", file=sys.stderr)
        return 1 if FAULT == "wrong_exit" else 78


sys.exit(main(sys.argv[1:]))
