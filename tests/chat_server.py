"""A small OpenAI-compatible server, the far end of EvalScope's real client, and the jobs that are put to it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stages.sampling.job import read_job
from stages.sampling.stored import collect, missing
from tests.forks import evaluation
from tests.project import EVALUATION_PYTHON


class Server(ThreadingHTTPServer):
    """Answers `seed <seed> prompt <prompt>`, or does what `behave` says to the request of this number.

    `answer` maps a request's last message to the text of the sample instead.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behave=lambda number: "answer", delay=0.0, answer=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave, self.delay, self.requests, self.lock = behave, delay, [], threading.Lock()
        self.answer = answer
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet a response: two would wait for a delayed acknowledgement

    def log_message(self, *_):
        pass

    def respond(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.respond(200, {"object": "list", "data": [{"id": "policy", "object": "model"}]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(request)
            behaviour = self.server.behave(len(self.server.requests))
        time.sleep(self.server.delay)
        if behaviour == "hang":
            time.sleep(30)
        elif behaviour == "refuse":  # what vLLM says about a prompt that is too long
            self.respond(400, {"error": {"message": "maximum context length is 8 tokens, \\boxed{7}", "code": 400}})
        elif behaviour == "crash":
            self.respond(500, {"error": {"message": "engine died, \\boxed{7}", "code": 500}})
        else:
            prompt = request["messages"][-1]["content"]
            text = self.server.answer(prompt) if self.server.answer else f" seed {request['seed']} prompt {prompt}\n"
            reason = "length" if behaviour == "length" else behaviour if behaviour == "abort" else "stop"
            choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
            usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
            self.respond(
                200,
                {
                    "id": "a",
                    "object": "chat.completion",
                    "created": 0,
                    "model": "policy",
                    "choices": [choice],
                    "usage": usage,
                },
            )


def write_job(folder, server_url, number=5, k=4, rows=None, **changes):
    folder.mkdir(exist_ok=True)
    problems = folder / "toy.jsonl"
    rows = rows or [
        {"id": f"toy-{i}", "problem": f"total {i} {{x}}", "answer": str(i), "source": "lab"} for i in range(number)
    ]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = {
        "benchmark": "toy", "problems": str(problems), "prompt": "plain", "url": server_url, "model": "policy", "k": k,
        "bench_seed": 7, "temperature": 1.0, "top_p": 0.9, "top_k": -1, "max_tokens": 16, "concurrency": 8,
        "work": str(folder / "work"), **changes,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job))
    return folder / "job.json"


def command(job):
    return [EVALUATION_PYTHON, "-m", "stages.sampling.requests", job]


def run(job):
    return evaluation().module("stages.sampling.requests", job)


def samples(folder):
    return collect(read_job(folder / "job.json"))


def complete(folder):
    return not missing(read_job(folder / "job.json"))


def last_line(result):
    return result.stderr.strip().splitlines()[-1]
