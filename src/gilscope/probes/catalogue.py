"""Well-known functions, each with a size that matters: what `gilscope atlas` probes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A function of the atlas: a statement as for timeit."""

    group: str
    name: str
    setup: str
    statement: str
    needs: str
    """The module without which the entry is left out."""


def _entries(group: str, needs: str, setup: str, *rows: tuple[str, str] | tuple[str, str, str]) -> list[Entry]:
    """Rows of (name, statement) or (name, statement, more setup)."""
    return [Entry(group, row[0], "\n".join([setup, *row[2:]]), row[1], needs) for row in rows]


_BYTES = "import os; data = os.urandom(1 << 20)"
_TEXT = "text = 'the quick brown fox jumps over the lazy dog ' * 5000"
_TABLE = "rows = [[i, i * 0.5, str(i)] for i in range(20_000)]"
_NUMPY = "import numpy as np; rng = np.random.default_rng(0)"

CATALOGUE = (
    *_entries(
        "compression",
        "zlib",
        _BYTES,
        ("zlib.compress, 1 MB", "zlib.compress(data)", "import zlib"),
        ("zlib.decompress, 1 MB", "zlib.decompress(packed)", "import zlib; packed = zlib.compress(data)"),
        ("zlib.crc32, 1 MB", "zlib.crc32(data)", "import zlib"),
        ("gzip.compress, 1 MB", "gzip.compress(data)", "import gzip"),
    ),
    *_entries("compression", "bz2", _BYTES, ("bz2.compress, 1 MB", "bz2.compress(data)", "import bz2")),
    *_entries(
        "compression", "lzma", _BYTES, ("lzma.compress, 256 KB", "lzma.compress(data[: 1 << 18])", "import lzma")
    ),
    *_entries(
        "hashes",
        "hashlib",
        _BYTES + "; import hashlib, hmac",
        ("hashlib.md5, 1 MB", "hashlib.md5(data)"),
        ("hashlib.sha256, 1 MB", "hashlib.sha256(data)"),
        ("hashlib.sha256, 1 KB", "hashlib.sha256(data[:1024])"),
        ("hashlib.blake2b, 1 MB", "hashlib.blake2b(data)"),
        ("hashlib.pbkdf2_hmac, 10,000 rounds", "hashlib.pbkdf2_hmac('sha256', b'secret', b'salt', 10_000)"),
        ("hmac.digest, 1 MB", "hmac.digest(b'key', data, 'sha256')"),
        ("binascii.b2a_base64, 1 MB", "binascii.b2a_base64(data)", "import binascii"),
    ),
    *_entries(
        "text",
        "re",
        _TEXT,
        ("re.findall, 225 KB", "pattern.findall(text)", r"import re; pattern = re.compile(r'\w+ox')"),
        ("re.match that backtracks", "re.match('(a*)*b', 'a' * 20)", "import re"),
        ("str.replace, 225 KB", "text.replace('fox', 'cat')"),
        ("str.split, 225 KB", "text.split()"),
        ("str.encode, 225 KB", "wide.encode('utf-8')", "wide = text.replace('o', '\\u0151')"),
        (
            "difflib.unified_diff, 600 lines",
            "list(difflib.unified_diff(a, b))",
            "import difflib; a = text.split()[:600]; b = a[::-1]",
        ),
        ("textwrap.fill, 225 KB", "textwrap.fill(text)", "import textwrap"),
    ),
    *_entries(
        "data",
        "json",
        _TABLE,
        ("json.dumps, 20,000 rows", "json.dumps(rows)", "import json"),
        ("json.loads, 20,000 rows", "json.loads(packed)", "import json; packed = json.dumps(rows)"),
        ("pickle.dumps, 20,000 rows", "pickle.dumps(rows)", "import pickle"),
        ("pickle.loads, 20,000 rows", "pickle.loads(packed)", "import pickle; packed = pickle.dumps(rows)"),
        ("copy.deepcopy, 2,000 rows", "copy.deepcopy(rows[:2000])", "import copy"),
        (
            "struct.pack, 20,000 doubles",
            "packer.pack(*numbers)",
            "import struct; packer = struct.Struct('20000d'); numbers = range(20_000)",
        ),
        (
            "csv.reader, 20,000 rows",
            "list(csv.reader(lines))",
            "import csv; lines = [f'{a},{b},{c}' for a, b, c in rows]",
        ),
        (
            "xml.etree, 20,000 elements",
            "ElementTree.fromstring(page)",
            "from xml.etree import ElementTree; page = '<a>' + '<b c=\"d\">e</b>' * 20_000 + '</a>'",
        ),
        (
            "sorted, 100,000 floats",
            "sorted(numbers)",
            "import random; numbers = [random.random() for _ in range(100_000)]",
        ),
        ("sum, 1,000,000 ints", "sum(numbers)", "numbers = list(range(1_000_000))"),
        ("int to str, 20,000 digits", "str(number)", "import sys; sys.set_int_max_str_digits(0); number = 3 ** 41_000"),
        ("int multiplication, 300,000 bits", "number * number", "number = 3 ** 190_000"),
        (
            "decimal.Decimal.sqrt, 5,000 digits",
            "number.sqrt()",
            "import decimal; decimal.getcontext().prec = 5000; number = decimal.Decimal(2)",
        ),
        ("bytearray copy, 16 MB", "bytes(data)", "data = bytearray(1 << 24)"),
        ("gc.collect, 200,000 objects", "gc.collect()", "import gc; lists = [[i] for i in range(200_000)]"),
        ("random.shuffle, 50,000", "random.shuffle(numbers)", "import random; numbers = list(range(50_000))"),
    ),
    *_entries(
        "data",
        "zoneinfo",
        "",
        ("zoneinfo.ZoneInfo, not cached", "zoneinfo.ZoneInfo.no_cache('Europe/Berlin')", "import zoneinfo"),
    ),
    *_entries(
        "database",
        "sqlite3",
        "import sqlite3\ndef connect():\n"
        "    c = sqlite3.connect(':memory:', check_same_thread=False)\n"
        "    c.execute('create table t(a integer, b real)')\n"
        "    c.executemany('insert into t values(?, ?)', ((i, i * 0.5) for i in range(20_000)))\n"
        "    return c\nc = connect()",
        (
            "sqlite3 executemany, 2,000 rows",
            "c.executemany('insert into t values(?, ?)', [(i, 0.5) for i in range(2000)])",
        ),
        ("sqlite3 select, 20,000 rows", "c.execute('select * from t limit 20000').fetchall()"),
        ("sqlite3 aggregate, one row", "c.execute('select sum(a * b) from t').fetchone()"),
    ),
    *_entries(
        "system",
        "os",
        "import os, tempfile; file = tempfile.TemporaryFile(); file.write(bytes(1 << 22)); file.flush()",
        ("file read, 4 MB", "file.seek(0); file.read()"),
        ("file write, 4 MB", "file.seek(0); file.write(data)", "data = bytes(1 << 22)"),
        ("os.urandom, 1 MB", "os.urandom(1 << 20)"),
        ("os.listdir", "os.listdir('/usr/bin')"),
        ("time.sleep, 1 ms", "time.sleep(0.001)", "import time"),
        (
            "threading.Lock, contended by nobody",
            "for _ in range(10_000): lock.acquire(); lock.release()",
            "import threading; lock = threading.Lock()",
        ),
        ("subprocess.run true", "subprocess.run(['true'])", "import subprocess"),
        ("compile, 1,000 lines", "compile(source, 'x', 'exec')", "source = 'x = 1 + y * 2\\n' * 1000"),
        ("import of a cached module", "importlib.import_module('json')", "import importlib, json"),
    ),
    *_entries(
        "network",
        "socket",
        "import socket; left, right = socket.socketpair(); left.setblocking(True); data = bytes(1 << 16)",
        (
            "socket, 64 KB there and back",
            "left.sendall(data); got = 0\nwhile got < len(data): got += len(right.recv(1 << 16))",
        ),
        ("socket.getaddrinfo, localhost", "socket.getaddrinfo('localhost', 80)"),
    ),
    *_entries("network", "ssl", "", ("ssl.create_default_context", "ssl.create_default_context()", "import ssl")),
    *_entries(
        "NumPy",
        "numpy",
        _NUMPY,
        ("np.sort, 1,000,000 floats", "np.sort(a)", "a = rng.random(1_000_000)"),
        ("np.sort, 100 floats", "np.sort(a)", "a = rng.random(100)"),
        ("np.argsort, 1,000,000", "np.argsort(a)", "a = rng.random(1_000_000)"),
        ("np.dot 1-D, 1,000,000", "np.dot(a, a)", "a = rng.random(1_000_000)"),
        ("np.matmul, 400 x 400", "a @ a", "a = rng.random((400, 400))"),
        ("np.matmul of ints, 200 x 200", "a @ a", "a = rng.integers(0, 9, (200, 200))"),
        ("ufunc sin, 1,000,000", "np.sin(a)", "a = rng.random(1_000_000)"),
        ("ufunc sin, 10,000", "np.sin(a)", "a = rng.random(10_000)"),
        ("ufunc add, 100", "np.add(a, a)", "a = rng.random(100)"),
        ("ufunc add of objects, 100,000", "a + a", "a = np.arange(100_000).astype(object)"),
        ("np.sum, 4,000,000", "a.sum()", "a = rng.random(4_000_000)"),
        ("np.fft.fft, 2**18", "np.fft.fft(a)", "a = rng.random(1 << 18)"),
        ("np.linalg.solve, 400", "np.linalg.solve(a, b)", "a = rng.random((400, 400)); b = rng.random(400)"),
        ("np.linalg.svd, 200", "np.linalg.svd(a)", "a = rng.random((200, 200))"),
        ("random.random, 1,000,000", "rng.random(1_000_000)"),
        ("random.choice, 100,000", "rng.choice(a, 100_000)", "a = np.arange(1000)"),
        ("np.unique, 500,000", "np.unique(a)", "a = rng.integers(0, 1000, 500_000)"),
        ("np.bincount, 4,000,000", "np.bincount(a)", "a = rng.integers(0, 256, 4_000_000)"),
        (
            "np.searchsorted, 500,000",
            "np.searchsorted(a, b)",
            "a = np.sort(rng.random(100_000)); b = rng.random(500_000)",
        ),
        ("np.where, 1,000,000", "np.where(a > 0.5, a, 0)", "a = rng.random(1_000_000)"),
        ("boolean index, 1,000,000", "a[m]", "a = rng.random(1_000_000); m = a > 0.5"),
        ("fancy index, 1,000,000", "a[i]", "a = rng.random(1_000_000); i = rng.integers(0, len(a), len(a))"),
        ("astype, 4,000,000", "a.astype('f4')", "a = rng.random(4_000_000)"),
        ("np.loadtxt, 2,000 lines", "np.loadtxt(io.StringIO(lines))", "import io; lines = '1.5 2.5 3.5\\n' * 2000"),
        (
            "np.save and load, 8 MB",
            "f.seek(0); np.save(f, a); f.seek(0); np.load(f)",
            "import tempfile; f = tempfile.TemporaryFile(); a = rng.random(1_000_000)",
        ),
        ("np.vectorize, 50,000", "f(a)", "f = np.vectorize(lambda x: x + 1); a = rng.random(50_000)"),
        ("np.einsum, 200", "np.einsum('ij,jk->ik', a, a)", "a = rng.random((200, 200))"),
        ("np.interp, 500,000", "np.interp(b, a, a)", "a = np.linspace(0, 1, 1000); b = rng.random(500_000)"),
    ),
    *_entries(
        "SciPy",
        "scipy",
        _NUMPY,
        (
            "ndimage.gaussian_filter, 1,000 x 1,000",
            "ndimage.gaussian_filter(a, 3)",
            "from scipy import ndimage; a = rng.random((1000, 1000))",
        ),
        (
            "cKDTree query, 20,000",
            "tree.query(a)",
            "from scipy.spatial import cKDTree; a = rng.random((20_000, 3)); tree = cKDTree(a)",
        ),
        (
            "distance.cdist, 1,000 x 1,000",
            "distance.cdist(a, a)",
            "from scipy.spatial import distance; a = rng.random((1000, 8))",
        ),
        ("fft.fft, 2**18", "fft.fft(a)", "from scipy import fft; a = rng.random(1 << 18)"),
        ("sparse matrix product", "a @ a", "from scipy import sparse; a = sparse.random(5000, 5000, 0.002, 'csr')"),
        (
            "optimize.minimize, 20 variables",
            "optimize.minimize(optimize.rosen, a)",
            "from scipy import optimize; a = np.full(20, 1.3)",
        ),
    ),
    *_entries(
        "pandas",
        "pandas",
        _NUMPY
        + "; import pandas as pd; f = pd.DataFrame({'k': rng.integers(0, 99, 500_000), 'v': rng.random(500_000)})",
        ("groupby sum, 500,000", "f.groupby('k').v.sum()"),
        ("sort_values, 500,000", "f.sort_values('v')"),
        ("merge, 100,000", "a.merge(a, on='i')", "a = pd.DataFrame({'i': np.arange(100_000)})"),
        ("read_csv, 50,000 rows", "pd.read_csv(io.StringIO(text))", "import io; text = f[:50_000].to_csv()"),
        ("rolling mean, 500,000", "f.v.rolling(100).mean()"),
    ),
    *_entries(
        "lxml",
        "lxml",
        "",
        (
            "etree.fromstring, 20,000 elements",
            "etree.fromstring(page)",
            "from lxml import etree; page = '<a>' + '<b c=\"d\">e</b>' * 20_000 + '</a>'",
        ),
    ),
    *_entries(
        "Pillow",
        "PIL",
        "from PIL import Image, ImageFilter; import io; i = Image.effect_noise((1500, 1500), 50)",
        ("resize, 1,500 x 1,500", "i.resize((700, 700), Image.LANCZOS)"),
        ("GaussianBlur, 1,500 x 1,500", "i.filter(ImageFilter.GaussianBlur(5))"),
        ("save as PNG, 1,500 x 1,500", "i.save(io.BytesIO(), 'PNG')"),
    ),
    *_entries(
        "cryptography",
        "cryptography",
        _BYTES,
        (
            "AESGCM.encrypt, 1 MB",
            "a.encrypt(bytes(12), data, None)",
            "from cryptography.hazmat.primitives.ciphers.aead import AESGCM; a = AESGCM(bytes(16))",
        ),
    ),
    *_entries("orjson", "orjson", _TABLE, ("orjson.dumps, 20,000 rows", "orjson.dumps(rows)", "import orjson")),
    *_entries(
        "RapidFuzz",
        "rapidfuzz",
        "",
        (
            "process.cdist, 300 x 300",
            "process.cdist(w, w)",
            "from rapidfuzz import process; w = [f'word number {i}' for i in range(300)]",
        ),
    ),
    *_entries(
        "Numba",
        "numba",
        _NUMPY,
        (
            "a vectorized function, 1,000,000",
            "f(a)",
            "import numba; a = rng.random(1_000_000); f = numba.vectorize(['float64(float64)'])(lambda x: x * x + 1)",
        ),
    ),
)
