"""The AMQP 0-10 map and list codec, in which every QMF v2 body travels.

Rules of this file and its two halves, encoder.py and decoder.py:
- A map is u32 size (of what follows it), u32 count, entries of u8 length + key, u8 type, value; a list is the same
  without keys. All numbers are big endian.
- Text is written as libqmf2 writes it: vbin16, or vbin32 above 65535 bytes. The utf8 types are read but never
  written: qpidd can't translate a utf8 string of more than 65535 bytes and closes the connection of the console.
- Integers are written as int64, as uint64 where they don't fit; UInt8, UInt32 and UInt64 ask for another width.
- Binary that is UTF-8 is read as str, other binary as bytes: peers do not tell the two apart.
- Whatever bytes come in, the outcome is a value or CodecError. Memory stays in proportion to the input, because every
  element of every container takes at least one byte of it.
- This is the hot path: one reader or writer per type, found in a table.
Source: AMQP 0-10 specification, section 2.7 (typed values); qpid-cpp src/qpid/amqp_0_10/Codecs.cpp.
"""

from __future__ import annotations

from qmfagent.qmf.decoder import MAX_BODY, MAX_DEPTH, decode_list, decode_map
from qmfagent.qmf.encoder import UInt8, UInt32, UInt64, encode_list, encode_map

__all__ = [
    "MAX_BODY",
    "MAX_DEPTH",
    "UInt8",
    "UInt32",
    "UInt64",
    "decode_list",
    "decode_map",
    "encode_list",
    "encode_map",
]
