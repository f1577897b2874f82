"""The child process: the only one that ever loads the vendor's native library.

It is run by its path with `python -I -S` and imports nothing but the standard library, so it starts in some
milliseconds and holds nothing of the hub. Frames on stdin and stdout: four bytes big-endian length, then JSON;
bytes are base64. The library prints to stdout (a refused sign-in with its answer): both outputs are dropped, frames
go over a private copy. An alarm of the kernel ends a call that hangs, even when nobody is left to kill us.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any, BinaryIO

HANDLE, TEXT, NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
ABI: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
    ("NewSdk", HANDLE, ()),
    ("Init", NUMBER, (HANDLE, TEXT, TEXT)),
    ("GetChatData", NUMBER, (HANDLE, ctypes.c_ulonglong, ctypes.c_uint, TEXT, TEXT, NUMBER, HANDLE)),
    ("DecryptData", NUMBER, (TEXT, TEXT, HANDLE)),
    ("GetMediaData", NUMBER, (HANDLE, TEXT, TEXT, TEXT, TEXT, NUMBER, HANDLE)),
    ("NewSlice", HANDLE, ()),
    ("FreeSlice", None, (HANDLE,)),
    ("GetContentFromSlice", HANDLE, (HANDLE,)),
    ("GetSliceLen", NUMBER, (HANDLE,)),
    ("NewMediaData", HANDLE, ()),
    ("FreeMediaData", None, (HANDLE,)),
    ("GetOutIndexBuf", HANDLE, (HANDLE,)),
    ("GetData", HANDLE, (HANDLE,)),
    ("GetIndexLen", NUMBER, (HANDLE,)),
    ("GetDataLen", NUMBER, (HANDLE,)),
    ("IsMediaDataFinish", NUMBER, (HANDLE,)),
)


class Library:
    """The C ABI with one handle: strings in, (return code, bytes) out."""

    def __init__(self, path: str) -> None:
        """Raises OSError when it cannot be loaded, AttributeError when a function is missing."""
        self._c: Any = ctypes.CDLL(path)
        for name, result, arguments in ABI:
            function = getattr(self._c, name)
            function.restype, function.argtypes = result, arguments
        self._handle = self._c.NewSdk()
        self._route: tuple[bytes, bytes, int] = (b"", b"", 5)

    def sign_in(self, corp: str, secret: str, proxy: str, password: str, timeout: int) -> dict[str, Any]:
        """Init; no network yet."""
        self._route = (proxy.encode(), password.encode(), timeout)
        return {"code": self._c.Init(self._handle, corp.encode(), secret.encode())}

    def messages(self, seq: int, limit: int) -> dict[str, Any]:
        """GetChatData: records after `seq`."""
        return self._slice(lambda into: self._c.GetChatData(self._handle, seq, limit, *self._route, into))

    def decrypt(self, key: str, message: str) -> dict[str, Any]:
        """DecryptData."""
        return self._slice(lambda into: self._c.DecryptData(key.encode(), message.encode(), into))

    def media(self, file: str, index: str) -> dict[str, Any]:
        """GetMediaData: one chunk, and the index of the next."""
        c, chunk = self._c, self._c.NewMediaData()
        code = c.GetMediaData(self._handle, index.encode(), file.encode(), *self._route, chunk)
        content = ctypes.string_at(c.GetData(chunk), c.GetDataLen(chunk)) if code == 0 else b""
        following = ctypes.string_at(c.GetOutIndexBuf(chunk), c.GetIndexLen(chunk)) if code == 0 else b""
        answer = {"code": code, "content": _text(content), "index": _text(following)}
        answer["last"] = bool(c.IsMediaDataFinish(chunk))
        c.FreeMediaData(chunk)
        return answer

    def _slice(self, fill: Callable[[Any], int]) -> dict[str, Any]:
        into = self._c.NewSlice()
        code = fill(into)
        content = self._c.GetContentFromSlice(into) if code == 0 else None
        answer = {
            "code": code,
            "content": _text(ctypes.string_at(content, self._c.GetSliceLen(into)) if content else b""),
        }
        self._c.FreeSlice(into)
        return answer


class Desk:
    """Questions one after another; the first must open the library."""

    def __init__(self) -> None:
        self._library: Library | None = None

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer one question, {"do", …}."""
        do = question.pop("do")
        if do == "open":
            return self._open(question.pop("path"), question)
        return dict(getattr(self._library, do)(**question))

    def _open(self, path: str, account: dict[str, Any]) -> dict[str, Any]:
        try:
            self._library = Library(path)
        except (OSError, AttributeError) as error:
            return {"unloadable": str(error)}
        return self._library.sign_in(**account)


def _text(content: bytes) -> str:
    return b64encode(content).decode()


def _private_output() -> BinaryIO:
    """Stdout for us alone; what the library prints goes nowhere."""
    private = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return private


def main() -> None:
    """Answer until stdin ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the secret
    questions, answers, desk = sys.stdin.buffer, _private_output(), Desk()
    while head := questions.read(4):
        question = json.loads(questions.read(int.from_bytes(head)))
        signal.setitimer(signal.ITIMER_REAL, question.pop("seconds"))
        frame = json.dumps(desk.answer(question)).encode()
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(len(frame).to_bytes(4) + frame)
        answers.flush()


if __name__ == "__main__":
    main()
