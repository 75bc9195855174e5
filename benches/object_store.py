#!/usr/bin/env python3
"""Contents in an object store: through the server, and straight to the store.

    cargo build --release && tests/seaweed.sh benches/object_store.py --rounds 5
    tests/seaweed.sh benches/object_store.py --gibibyte      # also the memory that 1 GiB takes on its way in and out

Both are asked by the same client, in turns, on one machine: what the store needs is in both times, so their ratio is what the server adds.
Straight means one PUT or GET with the bucket's credentials, without a checksum of the body; the server also writes a row, hashes the
bytes and has the store compare a SHA-256 of them. Needs nothing but Python's standard library.
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

MIB = 1 << 20
SIZES = [(MIB, 40), (100 * MIB, 3)]


class Store:
    """The bucket, asked with a signature of version 4."""

    def __init__(self):
        url = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
        self.host, self.key, self.secret = url.netloc, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        self.connection = http.client.HTTPConnection(url.hostname, url.port)

    def headers(self, method, path):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        signed = f"host:{self.host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{now}\n"
        names = "host;x-amz-content-sha256;x-amz-date"
        asked = hashlib.sha256(f"{method}\n{path}\n\n{signed}\n{names}\nUNSIGNED-PAYLOAD".encode()).hexdigest()
        key = f"AWS4{self.secret}".encode()
        for part in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{asked}"]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        told = f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        return {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": now, "Authorization": told}

    def ask(self, method, name, body=None):
        path = f"/commonhold/bench/{name}"
        return ask(self.connection, method, path, self.headers(method, path), body)


class Server:
    """A site with its rows in a folder and its contents in the bucket."""

    def __init__(self, binary):
        self.binary, self.folder = binary, tempfile.mkdtemp(prefix="bench-store-")
        self.env = dict(os.environ, COMMONHOLD_DATA=self.folder, COMMONHOLD_BLOBS=os.environ["COMMONHOLD_TEST_BLOBS"])
        self.cli("init", "--org", "Bench", "--admin", "root", "--password-stdin", text="a password for loopback only\n")
        self.cli("user", "add", "ana", "--password-stdin", text="a password for loopback only\n")
        secret = self.cli("user", "app-password", "ana", "--label", "bench").split()[-1]
        self.cli("share", "add", "Files", "--owner", "ana")
        words = [binary, "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(words, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        port = int(re.search(r":(\d+)\s*$", self.process.stdout.readline()).group(1))
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.login = {"Authorization": "Basic " + base64.b64encode(f"ana:{secret}".encode()).decode()}

    def cli(self, *words, text=""):
        done = subprocess.run([self.binary, *words], input=text, env=self.env, text=True, capture_output=True)
        return done.stdout if done.returncode == 0 else sys.exit(f"{words}: {done.stderr}")

    def ask(self, method, name, body=None):
        return ask(self.connection, method, f"/dav/Files/{name}", self.login, body)

    def peak_mib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) / 1024

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


def ask(connection, method, path, headers, body):
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    buffer, read = memoryview(bytearray(MIB)), 0
    while got := answer.readinto(buffer):
        read += got
    if answer.status >= 300:
        sys.exit(f"{method} {path}: {answer.status}")
    return read


def pieces(mib):
    piece = os.urandom(MIB)
    for _ in range(mib):
        yield piece


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", default=os.path.join(os.path.dirname(__file__), "../target/release/commonhold"))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--gibibyte", action="store_true")
    options = options.parse_args()
    server, store = Server(options.server), Store()
    print("| what | through the server, MiB/s | straight, MiB/s | ratio | CPU of the server, ms/MiB |\n|---|---|---|---|---|")
    for size, times in SIZES:
        body = os.urandom(size)
        for method in ("PUT", "GET"):
            rates, cpu = {"server": [], "store": []}, []
            for turn in range(options.rounds):
                both = [("server", server), ("store", store)]
                for name, asked in both if turn % 2 == 0 else reversed(both):
                    used, began = server.cpu_s(), time.monotonic()
                    for n in range(times):
                        read = asked.ask(method, f"{size}-{n}", body if method == "PUT" else None)
                        if method == "GET" and read != size:
                            sys.exit(f"{read} bytes instead of {size}")
                    rates[name].append(size * times / MIB / (time.monotonic() - began))
                    if name == "server":
                        cpu.append((server.cpu_s() - used) * 1000 * MIB / (size * times))
            through, straight = (statistics.median(rates[name]) for name in ("server", "store"))
            what = f"{method} {size // MIB} MiB"
            print(f"| {what} | {through:.0f} | {straight:.0f} | {through / straight:.2f} | {statistics.median(cpu):.1f} |")
    if options.gibibyte:
        before = server.peak_mib()
        headers = dict(server.login, **{"Content-Length": str(1024 * MIB)})
        ask(server.connection, "PUT", "/dav/Files/large", headers, pieces(1024))
        put = server.peak_mib()
        if server.ask("GET", "large") != 1024 * MIB:
            sys.exit("the file has another length")
        print(f"\npeak of the server's memory: {before:.0f} MiB, {put:.0f} after a PUT of 1 GiB, {server.peak_mib():.0f} after its GET")
    server.stop()


if __name__ == "__main__":
    main()
