#!/usr/bin/env python3
"""What one person's operation on a tree of 100,000 nodes costs him, and the others who write meanwhile.

    cargo build --release && benches/trees.py              # target/release/commonhold
    benches/trees.py --server PATH

Two others save small files all the time; of their saves the median and the 99th percentile are told, alone and during each
operation. A longest wait as long as the operation itself says that it has the writer for itself. Ends with `verify`, and its exit
status. Needs nothing but Python's standard library.
"""

import argparse
import json
import threading
import time

from own_site import Site, at

FILES, FOLDERS, COPIES = 100, 10, 99
WRITERS = 2


def measure(site, name, operation):
    over, times = threading.Event(), []

    def write():
        connection, number = site.connect(), 0
        while not over.is_set():
            times.append(site.ask(connection, "PUT", f"/P/saved{number % 50}", body=b"y" * 50))
            number += 1

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    alone, first = list(times), len(times)
    begun = time.perf_counter()
    operation()
    took = (time.perf_counter() - begun) * 1000
    over.set()
    for thread in threads:
        thread.join()
    meanwhile = times[first:]
    cells = [took, at(alone, 0.5), at(alone, 0.99), at(meanwhile, 0.5), at(meanwhile, 0.99), max(meanwhile, default=0)]
    print(f"| {name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", default="target/release/commonhold")
    site = Site(options.parse_args().server)
    own = site.connect()
    ask = lambda *words, **more: site.ask(own, *words, **more)
    for folder in ["/P/a", "/P/a/d0", "/P/big"]:
        ask("MKCOL", folder)
    for number in range(FILES):
        ask("PUT", f"/P/a/d0/f{number}", body=b"x" * 100)
    for number in range(1, FOLDERS):
        ask("COPY", "/P/a/d0", to=f"/P/a/d{number}")
    for number in range(COPIES):
        ask("COPY", "/P/a", to=f"/P/big/a{number}")
    print(f"{COPIES * (FOLDERS * (FILES + 1) + 1) + 1} nodes; milliseconds\n")
    print("| operation | took | saves alone, p50 | p99 | saves meanwhile, p50 | p99 | longest |\n|---|---|---|---|---|---|---|")
    measure(site, "COPY", lambda: ask("COPY", "/P/big", to="/P/copy"))
    measure(site, "MOVE", lambda: ask("MOVE", "/P/copy", to="/P/moved"))
    measure(site, "DELETE", lambda: ask("DELETE", "/P/moved"))
    measure(site, "`trash restore`", lambda: site.cli("trash", "restore", "/P/moved"))
    ask("DELETE", "/P/moved")
    measure(site, "`trash list`", lambda: site.cli("trash", "list", "/P"))
    measure(site, "`trash purge`, with its slices", lambda: site.cli("trash", "purge", "/P/moved"))
    ask("MKCOL", "/P/mark")
    listed = json.loads(site.cli("audit", "--verb", "MKCOL", "--json"))
    moment = listed[-1]["time"]
    for number in range(30):
        ask("PUT", f"/P/big/a{number}/d1/f1", body=b"zz")
    ask("DELETE", "/P/big/a5")
    measure(site, "`rollback`, contents", lambda: site.cli("rollback", "/P", "--to", moment))
    measure(site, "`rollback --whole`", lambda: site.cli("rollback", "/P", "--to", moment, "--whole"))
    measure(site, "`snapshot`", lambda: site.cli("snapshot", "P", "Then", "--at", moment))
    site.stop()
    print("\n" + site.cli("verify").strip())
    site.remove()


if __name__ == "__main__":
    main()
