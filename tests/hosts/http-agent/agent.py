"""A small platform that carries out runs over HTTP: `meanwhile serve --agent http://127.0.0.1:PORT/work`.

Started as `agent.py [PORT]` with the secret in AGENT_SECRET (`whsec_…`, the same as the host's
MEANWHILE_AGENT_SECRET); without one it takes what is not signed. The work is the payload: `long …` takes until it
is done, in a thread; `wait …` takes until it is cancelled; anything else is answered at once.
"""
import base64, hashlib, hmac, json, os, sys, threading, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ.get("AGENT_SECRET")
BODY_BYTES_MAX = 8 << 20
CLOCKS_APART_MAX = 300  # seconds
SENT_TIMES_MAX = 5

stops = {}  # by idempotency key: what ends the work on a run


def is_signed(headers, body):
    """Whether a message is the host's, as Standard Webhooks has it."""
    if SECRET is None:
        return True
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > CLOCKS_APART_MAX:
        return False
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    mine = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(mine, other) for other in headers.get("webhook-signature", "").split())


def work(request, stop):
    """The outcome of a run; none where it was stopped."""
    print("began", request["run_id"], "attempt", request["attempt"], flush=True)
    if request["payload"].startswith("wait"):
        stop.wait()
    if stops.get(request["idempotency_key"]) is stop:
        del stops[request["idempotency_key"]]
    if stop.is_set():
        print("stopped", request["run_id"], flush=True)
        return None
    summary = f"{request['title']} is done."
    report = {"verdict": "done", "summary": summary, "tell": True}
    return {"status": "ok", "output": request["payload"].upper(), "report": report}


def send_later(request, stop, host, token):
    """Works, and sends the outcome. What the host refuses for good is not sent again."""
    outcome = work(request, stop)
    for waits in range(SENT_TIMES_MAX if outcome else 0):
        sent = urllib.request.Request(f"{host}/api/runs/{request['run_id']}/outcome", json.dumps(outcome).encode(), {
            "authorization": f"Bearer {token}", "content-type": "application/json"})
        try:
            with urllib.request.urlopen(sent, timeout=30) as answer:
                return print("sent", request["run_id"], answer.status, flush=True)
        except urllib.error.HTTPError as refused:
            if refused.code < 500 and refused.code != 429:
                return print("refused", request["run_id"], refused.code, refused.read().decode(), flush=True)
        except OSError as away:
            print("away", request["run_id"], away, flush=True)
        time.sleep(2 ** waits)


class Agent(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if length > BODY_BYTES_MAX:
            return self.answer(413, {"error": "that is too long"})
        body = self.rfile.read(length)
        if not is_signed(self.headers, body):
            return self.answer(401, {"error": "the signature is wrong, or a clock"})
        request = json.loads(body)
        # A new attempt of a run takes over from the one before.
        if earlier := stops.pop(request["idempotency_key"], None):
            earlier.set()
        if request["task"] == "cancel":
            return self.answer(200, {})
        stop = stops[request["idempotency_key"]] = threading.Event()
        if request["payload"].startswith(("long", "wait")):
            way_back = self.headers["meanwhile-url"], self.headers["meanwhile-token"]
            threading.Thread(target=send_later, args=(request, stop, *way_back), daemon=True).start()
            return self.answer(202, {})
        self.answer(200, work(request, stop))

    def do_HEAD(self):
        self.answer(204, None)

    def answer(self, status, value):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Agent)
    print("listening", server.server_port, flush=True)
    server.serve_forever()
