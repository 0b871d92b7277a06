"""Writers of what wraps ITCH: MoldUDP64 in UDP in pcap and pcapng, SoupBinTCP, messages back to back."""

import struct
from collections.abc import Iterable, Sequence

SESSION = b"SESSION00A"


def payloads_of(stream: bytes) -> list[bytes]:
    """The messages of a BinaryFILE stream."""
    payloads = []
    at = 0
    while at < len(stream):
        length = int.from_bytes(stream[at : at + 2])
        payloads.append(stream[at + 2 : at + 2 + length])
        at += 2 + length
    return payloads


def packed(payloads: Sequence[bytes], size: int = 20, first: int = 1, session: bytes = SESSION) -> list[bytes]:
    """Datagrams of MoldUDP64, of so many messages each, the first of them with this number."""
    datagrams = []
    for begin in range(0, len(payloads), size):
        part = payloads[begin : begin + size]
        blocks = b"".join(len(payload).to_bytes(2) + payload for payload in part)
        datagrams.append(struct.pack(">10sQH", session, first + begin, len(part)) + blocks)
    return datagrams


def heartbeat(number: int, session: bytes = SESSION) -> bytes:
    return struct.pack(">10sQH", session, number, 0)


def end_of_session(number: int, session: bytes = SESSION) -> bytes:
    return struct.pack(">10sQH", session, number, 0xFFFF)


def session_of(payloads: Sequence[bytes]) -> list[bytes]:
    """Datagrams of a whole session."""
    return [*packed(payloads), heartbeat(len(payloads) + 1), end_of_session(len(payloads) + 1)]


def ethernet(datagram: bytes) -> bytes:
    """A packet of UDP in IPv4 on Ethernet, padded to its least length."""
    udp = struct.pack(">HHHH", 26477, 26477, 8 + len(datagram), 0) + datagram
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), 1, 0x4000, 16, 17, 0, 0x0A000001, 0xE9360C6F)
    return (bytes(12) + b"\x08\x00" + ip + udp).ljust(60, b"\0")


def capture(payloads: Sequence[bytes]) -> list[bytes]:
    """Packets of a whole session."""
    return [ethernet(each) for each in session_of(payloads)]


def pcap(packets: Iterable[bytes], order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    header = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65_535, 1)
    return header + b"".join(struct.pack(order + "IIII", 0, 0, len(p), len(p)) + p for p in packets)


def pcapng(packets: Iterable[bytes], order: str = "<") -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))

    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack(order + "HHI", 1, 0, 0))
    rest = b"".join(block(6, struct.pack(order + "IIIII", 0, 0, 0, len(p), len(p)) + p) for p in packets)
    return section + interface + rest


def soup_packet(kind: bytes, payload: bytes = b"") -> bytes:
    return (1 + len(payload)).to_bytes(2) + kind + payload


def soupbintcp(payloads: Iterable[bytes], first: int = 1) -> bytes:
    """A login, the messages, a heartbeat now and then, and the end."""
    parts = [soup_packet(b"+", b"for debugging"), soup_packet(b"A", SESSION + str(first).rjust(20).encode())]
    for number, payload in enumerate(payloads):
        parts.append(soup_packet(b"S", payload))
        if number % 100 == 99:
            parts.append(soup_packet(b"H"))
    return b"".join([*parts, soup_packet(b"Z")])
