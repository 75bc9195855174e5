#!/usr/bin/env python3
"""One server on SQLite, and one and three on PostgreSQL with a synchronous standby: requests a second, rounds of all forms alternating.

tests/postgres_pair.sh benches/servers.py PROGRAM [ROUNDS]      PROGRAM: a release build of commonhold

Sixteen clients in four processes send one request after the other, each to the next server in turn. Everything runs on one machine, so three servers share its
cores with the database and the clients: this shows what sharing costs, not what three machines bring.
"""

import base64, http.client, multiprocessing, os, subprocess, sys, tempfile, threading, time

PROGRAM, ROUNDS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
SERVER = os.environ["COMMONHOLD_TEST_POSTGRES"]
SECONDS, PROCESSES, THREADS, SHARES = 3.0, 4, 4, 16
BODY = b"x" * 4096


class Form:
    def __init__(self, name, servers, database):
        self.name, self.folder = name, tempfile.mkdtemp()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("COMMONHOLD_")}
        if database:
            subprocess.run(["psql", "-q", "-c", f"create database {database}", f"{SERVER}/postgres"], check=True)
            self.env |= {"COMMONHOLD_DATABASE": f"{SERVER}/{database}", "COMMONHOLD_BLOBS": f"{self.folder}/blobs"}
        self.run("init", "--org", "Acme", "--admin", "root", "--password-stdin", text="the root of all rights\n")
        self.run("user", "add", "ana", "--password-stdin", text="the long password of ana\n")
        for n in range(SHARES):
            self.run("share", "add", f"S{n}", "--owner", "ana")
        said = self.run("user", "app-password", "ana", "--label", "bench")
        secret = max(said.split(), key=len)
        self.login = "Basic " + base64.b64encode(f"ana:{secret}".encode()).decode()
        self.processes, self.ports = [], []
        for n in range(servers):
            command = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", f"{self.folder}/data{n or ''}"]
            log = open(f"{self.folder}/log{n}", "w")
            process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=log, text=True)
            line = process.stdout.readline()
            self.processes.append(process)
            self.ports.append(int(line.strip().rstrip("/").rsplit(":", 1)[1]))
        for n in range(SHARES):
            ask(self.connections()[0], "PUT", f"/dav/S{n}/a.txt", self.login, BODY)

    def run(self, *words, text=""):
        command = [PROGRAM, *words, "--data", f"{self.folder}/data"]
        return subprocess.run(command, env=self.env, input=text, text=True, check=True, capture_output=True).stdout

    def connections(self):
        return [http.client.HTTPConnection("127.0.0.1", port) for port in self.ports]

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()


def ask(connection, method, path, login, body=None):
    connection.request(method, path, body, {"Authorization": login})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def client(form, work, number, until, counts):
    servers, done = form.connections(), 0
    while time.monotonic() < until:
        at = servers[(number + done) % len(servers)]
        if work == "get":
            status = ask(at, "GET", f"/dav/S{done % SHARES}/a.txt", form.login)
        else:
            share = 0 if work == "put-one" else number % SHARES
            status = ask(at, "PUT", f"/dav/S{share}/{number}-{done % 50}.txt", form.login, BODY)
        assert status in (200, 201, 204), status
        done += 1
    counts.append(done)


def process(form, work, first, until, queue):
    counts = []
    threads = [threading.Thread(target=client, args=(form, work, first + n, until, counts)) for n in range(THREADS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    queue.put(sum(counts))


def measure(form, work):
    queue, until = multiprocessing.Queue(), time.monotonic() + SECONDS
    made = [multiprocessing.Process(target=process, args=(form, work, n * THREADS, until, queue)) for n in range(PROCESSES)]
    [one.start() for one in made]
    total = sum(queue.get() for _ in made)
    [one.join() for one in made]
    return total / SECONDS


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    forms = [Form("one on SQLite", 1, None), Form("one on PostgreSQL", 1, "bench_one"), Form("three on PostgreSQL", 3, "bench_three")]
    works = {"get": "GET 4 KiB", "put-one": "PUT 4 KiB, one share", "put-many": "PUT 4 KiB, 16 shares"}
    found = {(form.name, work): [] for form in forms for work in works}
    for _ in range(ROUNDS):
        for work in works:
            for form in forms:
                found[form.name, work].append(measure(form, work))
    print("| requests a second, rounds | " + " | ".join(form.name for form in forms) + " |")
    print("|---|" + "---|" * len(forms))
    for work, words in works.items():
        cells = [", ".join(f"{rate:.0f}" for rate in found[form.name, work]) for form in forms]
        print(f"| {words} | " + " | ".join(cells) + " |")
    for form in forms:
        form.stop()
