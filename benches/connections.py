#!/usr/bin/env python3
"""What connections cost: thousands that are idle, thousands that are slow, and one that reads a gigabyte over TLS beside nginx.

    cargo build --release && benches/connections.py             # target/release/commonhold
    benches/connections.py --server PATH --rounds 5 --idle 10000 --slow 1500

Idle: memory (RSS) of the server without and with so many connections that have had an answer and keep still. Slow: what one other client's requests
take, a third of GETs and PUTs each and PROPFINDs, alone and beside so many clients that send headers, send bodies or take a large file a few bytes
a second; rounds alternate. TLS: `curl` reads 1 GiB from the page cache from this server and from nginx, both with the same certificate, in turn.
Needs Python's standard library, curl, openssl and nginx; `ulimit -n` beyond twice the connections.
"""

import argparse
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from own_site import Site, at, run

LARGE = 1 << 30
SETTINGS = """[limits]
connections_max = 40000
connections_per_address_max = 40000
header_timeout_s = 600
idle_timeout_s = 600
body_idle_timeout_s = 600
write_idle_timeout_s = 600
"""


def open_socket(site):
    connection = socket.create_connection(("127.0.0.1", site.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head(site, method, path, *lines):
    more = "".join(line + "\r\n" for line in lines)
    return f"{method} /dav{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {site.auth}\r\n{more}\r\n".encode()


def rss(site):
    with open(f"/proc/{site.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def idle(site, count):
    before = rss(site)
    kept = []
    for _ in range(count):
        connection = open_socket(site)
        connection.sendall(head(site, "GET", "/P/small"))
        if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
            sys.exit("an idle client was refused")
        kept.append(connection)
    after = rss(site)
    print(f"{count} idle connections: {before:.0f} MiB without, {after:.0f} MiB with them", flush=True)
    for connection in kept:
        connection.close()


def mixed(site, seconds):
    connection = site.connect()
    times, number, until = [], 0, time.monotonic() + seconds
    while time.monotonic() < until:
        number += 1
        times.append(site.ask(connection, "GET", "/P/small"))
        times.append(site.ask(connection, "PUT", f"/P/saved{number % 50}", body=b"y" * 500))
        times.append(site.ask(connection, "PROPFIND", "/P/small", Depth="0"))
    return times


class Slow:
    """Clients of three kinds, a few bytes a second each."""

    def __init__(self, site, count):
        self.over, self.dropped = threading.Event(), 0
        self.senders, self.takers = [], []
        for number in range(count):
            connection = open_socket(site)
            match number % 3:
                case 0:
                    connection.sendall(head(site, "GET", "/P/small")[:-2] + b"X-Slow: ")
                    self.senders.append(connection)
                case 1:
                    connection.sendall(head(site, "PUT", f"/P/slow{number}", "Content-Length: 1000000"))
                    self.senders.append(connection)
                case _:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    connection.sendall(head(site, "GET", "/P/large"))
                    self.takers.append(connection)
        self.thread = threading.Thread(target=self.drip)
        self.thread.start()

    def drip(self):
        while not self.over.is_set():
            for connection in list(self.senders):
                self.each(self.senders, connection, lambda: connection.send(b"x"))
            for connection in list(self.takers):
                self.each(self.takers, connection, lambda: take(connection))
            self.over.wait(1)

    def each(self, among, connection, act):
        try:
            act()
        except OSError:
            among.remove(connection)
            self.dropped += 1

    def end(self):
        self.over.set()
        self.thread.join()
        for connection in self.senders + self.takers:
            connection.close()


def take(connection):
    if not connection.recv(100):
        raise OSError("the server has closed it")


def slow(site, count, rounds, seconds):
    print(f"\n{count} slow clients; milliseconds of another client's requests\n\n| round | alone, p50 | p99 | beside them, p50 | p99 |\n|---|---|---|---|---|")
    ratios = []
    for number in range(rounds):
        alone = mixed(site, seconds)
        slow_ones = Slow(site, count)
        time.sleep(2)
        beside = mixed(site, seconds)
        slow_ones.end()
        cells = [at(alone, 0.5), at(alone, 0.99), at(beside, 0.5), at(beside, 0.99)]
        ratios.append(cells[3] / cells[1])
        print(f"| {number + 1} | " + " | ".join(f"{cell:.2f}" for cell in cells) + f" | ({slow_ones.dropped} dropped)", flush=True)
        time.sleep(2)
    print(f"\np99 beside them / alone: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}", flush=True)


def certificate():
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem")
    return folder


def nginx(folder, file):
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    os.makedirs(f"{folder}/www")
    shutil.copy(file, f"{folder}/www/large")
    with open(f"{folder}/nginx.conf", "w") as conf:
        conf.write(f"""worker_processes auto; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.3; root {folder}/www; }} }}
""")
    return subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder]), port


def fetch(url, *more):
    begun = time.perf_counter()
    said = run("curl", "-sk", "--http1.1", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", *more, url)
    took = time.perf_counter() - begun
    if said != f"200 {LARGE}":
        sys.exit(f"{url}: {said}")
    return LARGE / took / (1 << 20)


def cpu(process):
    """Seconds that it and its workers have worked."""
    own = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    ticks = 0
    for pid in [str(process.pid), *own]:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def tls(server, rounds):
    folder = certificate()
    site = Site(server, f'[tls]\ncertificate = "{folder}/cert.pem"\nkey = "{folder}/key.pem"\n')
    large = os.path.join(folder, "large")
    with open(large, "wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    here = f"https://127.0.0.1:{site.port}/dav/P/large"
    run("curl", "-sk", "-f", "-u", site.login, "-T", large, here)
    other, port = nginx(folder, large)
    os.remove(large)
    there = f"https://127.0.0.1:{port}/large"
    while not is_open(port):
        time.sleep(0.05)
    print("\n1 GiB over TLS 1.3, MiB/s, and seconds of the server's CPU\n\n| round | this server | CPU | nginx | CPU | ratio | CPU ratio |\n|---|---|---|---|---|---|---|")
    ratios, costs = [], []
    for number in range(rounds + 1):
        before = cpu(site.process)
        mine = fetch(here, "-u", site.login)
        between = cpu(other)
        peers = fetch(there)
        cost, peers_cost = cpu(site.process) - before, cpu(other) - between
        # The first one fills the page cache.
        if number:
            ratios.append(mine / peers)
            costs.append(peers_cost / cost)
            print(f"| {number} | {mine:.0f} | {cost:.2f} | {peers:.0f} | {peers_cost:.2f} | {ratios[-1]:.2f} | {costs[-1]:.2f} |", flush=True)
    for what, of in (("speed", ratios), ("nginx' CPU / this server's", costs)):
        print(f"\n{what}: median {statistics.median(of):.2f}, {min(of):.2f} to {max(of):.2f}", flush=True)
    other.terminate()
    other.wait()
    site.stop()
    site.remove()
    shutil.rmtree(folder)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", default="target/release/commonhold")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--idle", type=int, default=10_000)
    options.add_argument("--slow", type=int, default=1_500)
    given = options.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    site = Site(given.server, SETTINGS)
    connection = site.connect()
    site.ask(connection, "PUT", "/P/small", body=b"x" * 500)
    site.ask(connection, "PUT", "/P/large", body=b"x" * (64 << 20))
    idle(site, given.idle)
    slow(site, given.slow, given.rounds, given.seconds)
    site.stop()
    site.remove()
    tls(given.server, given.rounds)


if __name__ == "__main__":
    main()
