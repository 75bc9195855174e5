"""A site of this server for a benchmark: one person, her share `P`, and requests in her name. Needs nothing but Python's standard library."""

import atexit
import base64
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time


class Site:
    def __init__(self, server, settings=""):
        self.server, self.folder = server, tempfile.mkdtemp()
        self.cli("init", "--org", "Acme", "--admin", "root", "--password-stdin", given="the root of all rights\n")
        self.cli("user", "add", "ana", "--password-stdin", given="the long password of ana\n")
        self.cli("share", "add", "P", "--owner", "ana")
        secret = max(self.cli("user", "app-password", "ana", "--label", "bench").split(), key=len)
        self.login = f"ana:{secret}"
        self.auth = "Basic " + base64.b64encode(self.login.encode()).decode()
        config = os.path.join(self.folder, "bench.toml")
        with open(config, "w") as file:
            file.write(settings)
        serve = [server, "serve", "--config", config, "--listen", "127.0.0.1:0", "--data", self.folder]
        self.process = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        atexit.register(self.process.kill)
        self.port = int(self.process.stdout.readline().strip().rstrip("/").rsplit(":", 1)[1])

    def cli(self, *words, given=""):
        return run(self.server, *words, "--data", self.folder, given=given)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def ask(self, connection, method, path, to=None, body=None, **headers):
        """Gives the milliseconds that it took."""
        headers["Authorization"] = self.auth
        if to:
            headers["Destination"] = "/dav" + to
        begun = time.perf_counter()
        connection.request(method, "/dav" + path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            sys.exit(f"{method} {path}: {answer.status}")
        return (time.perf_counter() - begun) * 1000

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def remove(self):
        shutil.rmtree(self.folder)


def run(*words, given=""):
    ran = subprocess.run(words, input=given, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"{words}: {ran.stderr}{ran.stdout}")
    return ran.stdout


def at(times, part):
    """The time that this part of them doesn't exceed."""
    times = sorted(times)
    return times[min(len(times) - 1, int(len(times) * part))] if times else 0.0
