"""The safetensors format, read and written in parts: plain data, no code in it, no library needed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..io.atomic import replacing

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64, "U8": torch.uint8}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of several that make up a whole."""

    file: str  # name, in the folder of the whole
    bytes: int
    sha256: str


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """One .safetensors file, whole or not at all; raises InputError where it cannot be written."""
    with replacing(path) as file:
        for chunk in _chunks(tensors, metadata):
            file.write(chunk)


def write_parts(folder: Path, stem: str, tensors: Mapping[str, Tensor], part_bytes: int) -> list[Part]:
    """The same bytes cut into files stem-000.part, ... of at most part_bytes each (0: one file)."""
    parts = []
    for index, pieces in enumerate(_regrouped(_chunks(tensors, {}), part_bytes)):
        path, digest, size = folder / f"{stem}-{index:03}.part", hashlib.sha256(), 0
        with replacing(path) as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        parts.append(Part(path.name, size, digest.hexdigest()))
    return parts


def read_parts(folder: Path, parts: Iterable[Part]) -> dict[str, Tensor]:
    """What `write_parts` wrote, on the CPU; raises InputError, naming the part that is missing or damaged."""
    whole = bytearray()
    for part in parts:
        path = folder / part.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"Cannot read {path}: {error.strerror or error}; copy all parts of the run") from error
        if len(content) != part.bytes or hashlib.sha256(content).hexdigest() != part.sha256:
            raise InputError(f"{path} is damaged; copy it again")
        whole += content
    length = int.from_bytes(whole[:8], "little")
    head = json.loads(bytes(whole[8 : 8 + length]))
    return {name: _tensor(whole, 8 + length, entry) for name, entry in head.items() if name != "__metadata__"}


def _tensor(whole: bytearray, start: int, entry: dict[str, Any]) -> Tensor:
    (begin, end), shape, dtype = entry["data_offsets"], entry["shape"], DTYPES[entry["dtype"]]
    if begin == end:
        return torch.empty(shape, dtype=dtype)
    count = (end - begin) // dtype.itemsize
    return torch.frombuffer(whole, dtype=dtype, count=count, offset=start + begin).reshape(shape).clone()


def _chunks(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Iterator[memoryview]:
    """The file's bytes, tensor by tensor, so that no second copy of all lies in memory."""
    head: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, value in tensors.items():
        size = value.numel() * value.element_size()
        shape, offsets = list(value.shape), [position, position + size]
        head[name] = {"dtype": NAMES[value.dtype], "shape": shape, "data_offsets": offsets}
        position += size
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    yield memoryview(len(text).to_bytes(8, "little") + text)
    for value in tensors.values():
        flat = value.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
        yield flat.numpy().data


def _regrouped(chunks: Iterable[memoryview], size: int) -> Iterator[list[memoryview]]:
    """The same bytes in groups of exactly `size`, but for the last; size 0: one group."""
    group: list[memoryview] = []
    room = size
    for chunk in chunks:
        rest = chunk
        while size and len(rest) >= room:
            yield [*group, rest[:room]]
            group, rest, room = [], rest[room:], size
        if len(rest):
            group.append(rest)
            room -= len(rest)
    if group:
        yield group
