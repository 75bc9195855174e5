#!/usr/bin/env python3
"""What decisions cost: listings under many grants, people in many groups, explain and access on large sites.

    cargo build --release && benches/law.py                # target/release/commonhold
    benches/law.py --server PATH --rounds 9

A site is made by the command line; people, groups, folders and grants in large numbers are then written into its database, since
ten thousand commands would take longer than everything measured. Times are medians of rounds taken in turns; the budgets are those
of the project, and the exit status says whether they were met. Needs nothing but Python's standard library.
"""

import argparse
import base64
import http.client
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

USERS, GROUPS_OF_ONE, GROUPS, GRANTS, DEPTH, ENTRIES = 10_000, 1_000, 100, 1_000, 10, 10_000
FOLDERS, MANY_GRANTS = 100_000, 10_000
NOW = 1_700_000_000_000


class Site:
    def __init__(self, server):
        self.server, self.folder = server, tempfile.mkdtemp(prefix="bench-law-")
        self.cli("init", "--org", "Bench", "--admin", "root", "--password-stdin", text="a password for loopback only\n")
        self.secrets = {}
        for name in ("ana", "few", "many", "own"):
            self.cli("user", "add", name, "--password-stdin", text="a password for loopback only\n")
            self.secrets[name] = self.cli("user", "app-password", name, "--label", "bench").split()[-1]
        for share in ("Plain", "Granted", "Large"):
            self.cli("share", "add", share, "--owner", "own")
            self.cli("share", "subscribe", share, "--user", "ana", "--role", "editor")
        self.db = sqlite3.connect(os.path.join(self.folder, "commonhold.db"), isolation_level=None)

    def cli(self, *words, text=""):
        env = dict(os.environ, COMMONHOLD_DATA=self.folder)
        done = subprocess.run([self.server, *words], input=text, env=env, text=True, capture_output=True)
        if done.returncode not in (0, 3):
            sys.exit(f"{words}: {done.stderr}")
        return done.stdout

    def one(self, statement, *values):
        return self.db.execute(statement, values).fetchone()[0]

    def share(self, name):
        return self.db.execute("select id, root_id from share where name = ?", (name,)).fetchone()

    def user(self, name):
        return self.one("select id from user where name = ?", name)

    def folder_in(self, share, parent, name):
        self.db.execute(
            "insert into node (share_id, parent_id, name, name_key, kind, modified_at, created_at, seq) values (?, ?, ?, ?, 0, ?, ?, 0)",
            (share, parent, name, name.lower(), NOW, NOW))
        return self.one("select last_insert_rowid()")

    def files_in(self, share, parent, count):
        content = self.content()
        self.db.executemany(
            "insert into node (share_id, parent_id, name, name_key, kind, content_id, modified_at, created_at, seq) values (?, ?, ?, ?, 1, ?, ?, ?, 0)",
            ((share, parent, f"file {n:05}.txt", f"file {n:05}.txt", content, NOW, NOW) for n in range(count)))
        return [row[0] for row in self.db.execute("select id from node where parent_id = ? order by id", (parent,))]

    def content(self):
        content = bytes(15) + b"\x01"
        if not self.one("select count(*) from content"):
            blank = bytes.fromhex("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
            self.db.execute("insert into content (id, size, hash, inline, created_at) values (?, 0, ?, 1, ?)", (content, blank, NOW))
            self.db.execute("insert into content_inline (content_id, bytes) values (?, ?)", (content, b""))
        return content

    def groups(self, prefix, count, member):
        ids = []
        for n in range(count):
            name = f"{prefix}{n:04}"
            self.db.execute("insert into user_group (org_id, name, name_key, created_at) values (1, ?, ?, ?)", (name, name, NOW))
            ids.append(self.one("select last_insert_rowid()"))
            if member:
                self.db.execute("insert into group_user (group_id, user_id) values (?, ?)", (ids[-1], member))
        return ids

    def grant(self, node, user=None, group=None, level="read"):
        self.db.execute(
            "insert into access_grant (node_id, user_id, group_id, deny, form, value, created_at) values (?, ?, ?, 0, 1, ?, ?)"
            " on conflict do nothing", (node, user, group, level, NOW))

    def furnish(self):
        self.db.execute("begin immediate")
        self.deep = {}
        for name in ("Plain", "Granted"):
            share, at = self.share(name)
            path, ways = f"/{name}", []
            for level in range(1, DEPTH):
                at = self.folder_in(share, at, f"level{level}")
                path += f"/level{level}"
                ways.append(at)
            self.deep[name] = (path, self.files_in(share, at, ENTRIES), ways)
        groups = self.groups("team", GROUPS, self.user("ana"))
        _, files, ways = self.deep["Granted"]
        for n in range(GRANTS):
            node = ways[n] if n < len(ways) else files[n * (ENTRIES // GRANTS)]
            self.grant(node, group=groups[n % GROUPS], level="read-create-edit")

        crowd = self.groups("crowd", GROUPS_OF_ONE, self.user("many"))
        self.db.execute("insert into group_user (group_id, user_id) values (?, ?)", (crowd[0], self.user("few")))
        share, root = self.share("Plain")
        self.db.execute("insert into subscription (share_id, group_id, role, created_at) values (?, ?, 'viewer', ?)", (share, crowd[0], NOW))

        share, root = self.share("Large")
        tops = [self.folder_in(share, root, f"top{n:03}") for n in range(100)]
        folders = []
        for top in tops:
            middles = [self.folder_in(share, top, f"middle{n:02}") for n in range(10)]
            for middle in middles:
                folders += [self.folder_in(share, middle, f"folder{n:03}") for n in range(FOLDERS // 1_000)]
        self.db.executemany(
            "insert into user (org_id, name, name_key, created_at) values (1, ?, ?, ?)",
            ((f"person{n:05}", f"person{n:05}", NOW) for n in range(USERS)))
        people = [row[0] for row in self.db.execute("select id from user where name like 'person%' order by id")]
        for n in range(MANY_GRANTS):
            node = folders[n * (len(folders) // MANY_GRANTS)]
            if n % 2:
                self.grant(node, group=groups[n % GROUPS])
            else:
                self.grant(node, user=people[n % USERS])
        everybody = self.one("select id from user_group where org_id = 1 and builtin = 1 and department_id is null")
        self.db.execute("insert into subscription (share_id, group_id, role, created_at) values (?, ?, 'viewer', ?)", (share, everybody, NOW))
        self.db.execute("commit")
        # The node after the last insertions has to have a higher id than all.
        self.db.execute("pragma wal_checkpoint(truncate)")

    def serve(self):
        env = dict(os.environ, COMMONHOLD_DATA=self.folder)
        log = open(os.path.join(self.folder, "server.log"), "w")
        self.process = subprocess.Popen(
            [self.server, "serve", "--listen", "127.0.0.1:0"], env=env, text=True, stdout=subprocess.PIPE, stderr=log)
        for line in self.process.stdout:
            if line.startswith("listening on http://"):
                self.address = line.strip().removeprefix("listening on http://")
                return
        sys.exit("the server doesn't start")

    def connect(self, name):
        connection = http.client.HTTPConnection(self.address)
        secret = base64.b64encode(f"{name}:{self.secrets[name]}".encode()).decode()
        return connection, {"Authorization": f"Basic {secret}", "Depth": "1"}

    def forget(self):
        """A commit of another process: nothing that the server keeps may be used any more."""
        self.db.execute("update organization set created_at = created_at + 1")


PROPS = ("<propfind xmlns='DAV:'><prop><getetag/><getcontentlength/><getlastmodified/><resourcetype/>"
         "<current-user-privilege-set/></prop></propfind>")


def propfind(connection, path, entries, body=None):
    client, headers = connection
    began = time.perf_counter()
    client.request("PROPFIND", "/dav" + path, body=body, headers=headers)
    answer = client.getresponse()
    text = answer.read()
    took = time.perf_counter() - began
    if answer.status != 207 or (entries and text.count(b"href>") // 2 < entries):
        sys.exit(f"PROPFIND {path}: {answer.status}, {text[:300]}")
    return took * 1_000


def command(site, *words):
    began = time.perf_counter()
    site.cli(*words)
    return (time.perf_counter() - began) * 1_000


def main():
    parser = argparse.ArgumentParser()
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../target/release/commonhold")
    parser.add_argument("--server", default=default)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    site = Site(os.path.abspath(options.server))
    try:
        site.furnish()
        site.serve()
        ana, few, many = site.connect("ana"), site.connect("few"), site.connect("many")
        plain, granted = site.deep["Plain"][0], site.deep["Granted"][0]
        rows = {name: [] for name in (
            "plain", "granted", "plain, Windows", "granted, Windows", "plain, nothing kept", "granted, nothing kept", "few", "many", "few, kept", "many, kept", "explain", "explain deep",
            "version", "access path", "access user")}
        for _ in range(options.rounds):
            for name, path in (("plain", plain), ("granted", granted)):
                propfind(ana, path, ENTRIES, PROPS)
                rows[name].append(propfind(ana, path, ENTRIES, PROPS))
                rows[f"{name}, Windows"].append(propfind(ana, path, ENTRIES))
                site.forget()
                rows[f"{name}, nothing kept"].append(propfind(ana, "/" + path.split("/")[1], 1))
            for name, who in (("few", few), ("many", many)):
                site.forget()
                rows[name].append(propfind(who, "/Plain", 1))
                rows[f"{name}, kept"].append(propfind(who, "/Plain", 1))
            rows["version"].append(command(site, "--version"))
            rows["explain"].append(command(site, "explain", "person00002", "/Large/top050/middle05/folder050", "read"))
            rows["explain deep"].append(command(site, "explain", "ana", "/Large/top050/middle05/folder050", "read"))
            rows["access path"].append(command(site, "access", "--path", "/Large/top050/middle05/folder050", "--json"))
            rows["access user"].append(command(site, "access", "--user", "person00002", "--json"))
        median = {name: statistics.median(times) for name, times in rows.items()}
        ok = True

        def told(what, value, budget, unit=""):
            nonlocal ok
            met = value <= budget
            ok = ok and met
            print(f"| {what} | {value:.2f}{unit} | {budget:g}{unit} | {'met' if met else 'MISSED'} |")

        print(f"medians of {options.rounds} rounds, milliseconds: " + ", ".join(f"{name} {value:.1f}" for name, value in median.items()))
        print("\n| what | measured | budget | |\n|---|---|---|---|")
        told(f"PROPFIND of {ENTRIES} under {GRANTS} grants, {GROUPS} groups, depth {DEPTH}: times the same without a grant",
             median["granted"] / median["plain"], 1.3)
        told("the same, as Windows asks", median["granted, Windows"] / median["plain, Windows"], 1.3)
        told(f"login and listing of a member of {GROUPS_OF_ONE} groups, nothing kept: more than for one of 1 group",
             median["many"] - median["few"], 10, " ms")
        told("the same, from the second request on: times", median["many, kept"] / median["few, kept"], 1.3)
        told(f"explain on {FOLDERS} folders with {MANY_GRANTS} grants, whole command", median["explain"], 50, " ms")
        told("explain of somebody whom 6,000 grants reach, whole command", median["explain deep"], 50, " ms")
        told(f"access --path for {USERS} users, whole command", median["access path"], 1_000, " ms")
        return 0 if ok else 1
    finally:
        if hasattr(site, "process"):
            site.process.terminate()
            site.process.wait()
        shutil.rmtree(site.folder)


sys.exit(main())
