"""What programs in Python do with a share: the packages webdav4 (also below fsspec) and webdavclient3.

pywebdav.py LIBRARY STEP URL USER PASSWORD FOLDER: one step; it ends with status 0 if all that it found was as expected.
FOLDER has the files to work with, and takes what is fetched.
"""

import os
import sys

library, step, url, user, password, folder = sys.argv[1:]
os.chdir(folder)
NOISE = open("tree/binary.dat", "rb").read()


def webdav4(step):
    from webdav4.client import Client, ResourceAlreadyExists, ResourceNotFound
    from webdav4.fsspec import WebdavFileSystem

    client = Client(url, auth=(user, password))
    if step == "files":
        client.mkdir("py")
        client.upload_file("tree/binary.dat", "py/binary.dat")
        client.download_file("py/binary.dat", "back.dat")
        assert open("back.dat", "rb").read() == NOISE
        assert client.content_length("py/binary.dat") == len(NOISE)
        assert client.isdir("py") and client.isfile("py/binary.dat") and not client.exists("py/none")
        names = sorted(entry["name"] for entry in client.ls("py"))
        assert names == ["py/binary.dat"], names
        client.copy("py/binary.dat", "py/copy.dat")
        client.move("py/copy.dat", "py/moved.dat")
        client.upload_fileobj(open("tree/notes.txt", "rb"), "py/moved.dat", overwrite=True)
        assert client.content_length("py/moved.dat") == 12
        assert client.etag("py/moved.dat") and client.modified("py/moved.dat") and client.content_type("py/moved.dat")
    elif step == "ranges":
        with client.open("py/binary.dat", "rb") as file:
            file.seek(1_000_000)
            assert file.read(1000) == NOISE[1_000_000:1_001_000]
    elif step == "refusals":
        for error, wrong in [
            (ResourceNotFound, lambda: client.info("py/none")),
            (ResourceAlreadyExists, lambda: client.move("py/moved.dat", "py/binary.dat", overwrite=False)),
            (ResourceAlreadyExists, lambda: client.mkdir("py")),
        ]:
            try:
                wrong()
            except error:
                continue
            raise AssertionError(f"{error} expected")
    elif step == "fsspec":
        fs = WebdavFileSystem(url, auth=(user, password))
        with fs.open("py/through.txt", "w") as file:
            file.write("through fsspec\n")
        assert fs.cat("py/through.txt") == b"through fsspec\n"
        fs.put("tree/deep/er", "py/deep", recursive=True)
        assert fs.find("py/deep") == ["py/deep/down.txt"], fs.find("py/deep")
        assert fs.cat("py/deep/down.txt") == b"deep\n"
        fs.rm("py", recursive=True)
        assert not fs.exists("py")
    else:
        raise SystemExit(f"no step `{step}`")


def webdavclient3(step):
    from webdav3.client import Client
    from webdav3.exceptions import WebDavException

    client = Client({"webdav_hostname": url.rstrip("/"), "webdav_login": user, "webdav_password": password})
    if step == "files":
        client.mkdir("py3")
        client.upload_sync(remote_path="py3/binary.dat", local_path="tree/binary.dat")
        client.download_sync(remote_path="py3/binary.dat", local_path="back3.dat")
        assert open("back3.dat", "rb").read() == NOISE
        assert client.check("py3") and client.check("py3/binary.dat") and not client.check("py3/none")
        assert "binary.dat" in client.list("py3"), client.list("py3")
        client.copy("py3/binary.dat", "py3/copy.dat")
        client.move("py3/copy.dat", "py3/moved.dat")
        assert int(client.info("py3/moved.dat")["size"]) == len(NOISE)
        assert int(client.free()) > 1_000_000
    elif step == "tree":
        client.push("py3/", "tree/deep/er/")
        os.mkdir("pulled")
        client.pull("py3/", "pulled/")
        assert open("pulled/down.txt").read() == "deep\n"
    elif step == "properties":
        option = {"namespace": "urn:example", "name": "colour", "value": "pale blue"}
        client.set_property("py3/moved.dat", option)
        assert client.get_property("py3/moved.dat", option) == "pale blue"
    elif step == "locks":
        with client.lock("py3/moved.dat") as held:
            held.upload_sync(remote_path="py3/moved.dat", local_path="tree/notes.txt")
        assert int(client.info("py3/moved.dat")["size"]) == 12
    elif step == "refusals":
        try:
            client.mkdir("py3/no/such")
        except WebDavException:
            pass
        else:
            raise AssertionError("a folder without a parent")
        client.clean("py3")
        assert not client.check("py3")
    else:
        raise SystemExit(f"no step `{step}`")


{"webdav4": webdav4, "webdavclient3": webdavclient3}[library](step)
