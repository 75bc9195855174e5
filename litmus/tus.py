"""Uploads that can be resumed, by the package tuspy.

tus.py STEP URL USER PASSWORD: one step, in the folder of the files; it ends with status 0 if all that it found was as expected.
"""

import base64
import os
import sys

from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.storage.filestorage import FileStorage

step, url, user, password = sys.argv[1:]
token = base64.b64encode(f"{user}:{password}".encode()).decode()
client = TusClient(url, headers={"Authorization": f"Basic {token}"})


def uploader(path, **more):
    metadata = {"filename": path, "mtime": str(int(os.stat(path).st_mtime))}
    return client.uploader(path, metadata=metadata, upload_checksum=True, **more)


def resumable():
    return uploader("large.dat", chunk_size=3_000_000, store_url=True, url_storage=FileStorage("urls.json"))


if step == "small":
    for _ in range(2):
        uploader("small.txt").upload()
    # The package itself sends no request for the bytes of an empty file.
    uploader("empty.txt").create_url()
elif step == "begun":
    upload = resumable()
    upload.upload_chunk()
    upload.upload_chunk()
    assert upload.offset == 6_000_000, upload.offset
    # Nothing is said to the server, as when the machine loses its power.
    os._exit(0)
elif step == "resumed":
    upload = resumable()
    assert upload.offset == 6_000_000, upload.offset
    upload.upload()
    assert upload.get_offset() == 20_000_000
elif step == "terminated":
    import requests

    upload = uploader("large.dat", chunk_size=1_000_000)
    upload.upload_chunk()
    headers = dict(upload.get_headers())
    assert requests.delete(upload.url, headers=headers).status_code == 204
    assert requests.head(upload.url, headers=headers).status_code == 404
elif step == "refusals":
    for target, name, status in [("missing/", "a.txt", 409), ("", "a/b", 400), ("", "", 400)]:
        try:
            there = TusClient(url + target, headers=client.headers)
            there.uploader("small.txt", metadata={"filename": name}).upload()
        except TusCommunicationError as error:
            assert error.status_code == status, error.status_code
        else:
            raise AssertionError(f"{target}{name} was taken")
else:
    raise AssertionError(step)
