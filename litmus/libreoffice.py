"""A person's session with LibreOffice Writer, run by libreoffice.sh: opens a document by its address, says so, edits it,
saves it in place, closes it. It speaks to a LibreOffice that listens on a pipe (UNO), by Debian's python3-uno.

libreoffice.py PIPE new FILE                a new document with a first line, in a local file
libreoffice.py PIPE edit URL USER PASSWORD  prints `open` when it has the document, waits for a line on its standard input,
                                            appends a line, saves, prints `saved`, waits again, closes
"""

import sys
import time

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.task import XInteractionHandler

START_S_MAX = 60


class Login(unohelper.Base, XInteractionHandler):
    """Answers the question for a name and a password as a person would, and cancels every other one."""

    def __init__(self, user, password):
        self.user, self.password = user, password

    def handle(self, request):
        for way in request.getContinuations():
            if hasattr(way, "setPassword"):
                way.setUserName(self.user)
                way.setPassword(self.password)
                way.select()
                return
        print("asked:", request.getRequest(), file=sys.stderr)


def desktop(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    until = time.monotonic() + START_S_MAX
    while True:
        try:
            context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
            return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        except NoConnectException:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def option(name, value):
    return PropertyValue(Name=name, Value=value)


def append(document, line):
    text = document.getText()
    text.insertString(text.getEnd(), line + "\n", False)


def main(pipe, verb, address, user="", password=""):
    office = desktop(pipe)
    if verb == "new":
        document = office.loadComponentFromURL("private:factory/swriter", "_blank", 0, (option("Hidden", True),))
        append(document, "the first draft")
        document.storeToURL(uno.systemPathToFileUrl(address), (option("FilterName", "writer8"),))
        document.close(True)
        return
    login = option("InteractionHandler", Login(user, password))
    document = office.loadComponentFromURL(address, "_blank", 0, (option("Hidden", True), login))
    if document is None:
        sys.exit("LibreOffice opened nothing")
    print("open" if not document.isReadonly() else "read-only", flush=True)
    if document.isReadonly():
        document.close(True)
        return
    sys.stdin.readline()
    append(document, "the second draft")
    document.store()
    print("saved", flush=True)
    sys.stdin.readline()
    document.close(True)
    print("closed", flush=True)


main(*sys.argv[1:])
