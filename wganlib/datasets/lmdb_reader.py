"""Writes a database's keys and values to standard output, each with its size, for `wganlib.datasets.parsers`.

A process of its own: LMDB maps the file, trusts what stands in it and dies of damaged pages by a signal. It imports nothing of
wganlib.
"""

import os
import struct
import sys

import lmdb


def main(path: str, count_alone: bool) -> None:
    """Write the number of entries alone, or all of them in the order of the keys."""
    out = sys.stdout.buffer
    with lmdb.open(path, readonly=True, lock=False, readahead=False, meminit=False, max_readers=1) as database:
        statistics = database.stat()
        whole = (database.info()["last_pgno"] + 1) * statistics["psize"]
        if (size := os.path.getsize(os.path.join(path, "data.mdb"))) < whole:
            sys.exit(f"cut short: {size:,} of {whole:,} bytes")
        count = statistics["entries"]
        if count_alone:
            out.write(_head(key := str(count).encode(), b"") + key)
            return
        seen = 0
        with database.begin(buffers=False) as transaction:
            for key, value in transaction.cursor():
                out.write(_head(key, value))
                out.write(key)
                out.write(value)
                seen += 1
        if seen != count:
            sys.exit(f"found {seen:,} entries where its head says {count:,}")


def _head(key: bytes, value: bytes) -> bytes:
    return struct.pack("<II", len(key), len(value))


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2] == "1")
    except (lmdb.Error, OSError) as error:
        sys.exit(str(error).removeprefix(f"{sys.argv[1]}: "))
