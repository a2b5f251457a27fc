"""Host names inside '++' EPCs (TDS 2.3 section 14.5.16, tables 14-11 to 14-15). Pure."""

from __future__ import annotations

from gateway.identity.bits import Reader, Writer, read_code_40, write_code_40
from gateway.identity.characters import CODE_40, NONE, SEVEN_BIT

MAX = 63
"""Characters of a host name, and 7-bit sequences too: the length has 6 bits."""

_SHORT = {
    0b0011110: "qr.", 0b0011111: "www.", 0b0100000: "id.", 0b1011011: ".com", 0b1011100: ".org", 0b1011101: ".net",
    0b1011110: ".int", 0b1100000: ".edu", 0b1111011: ".gov", 0b1111100: ".mil", 0b1111101: ".biz", 0b1111110: ".eco",
    0b1111111: ".med",
}  # fmt: skip
_COUNTRIES_1 = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo bq br bs bt bw by bz ca cc "
    "cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu fi fj fk fm fo fr ga "
    "gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke "
    "kg kh ki km kn kp kr kw ky kz la lb lc li"
)
_COUNTRIES_2 = (
    "lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np "
    "nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn sr ss "
    "st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug us uy uz va vc ve vg vi vn vu wf ws ye yt "
    "za zm zw"
)
# Table 14-14 prints .org.cn and .net.cn with the prefix of table B1, where their codes are .cf and .cg: a misprint.
_COMPOUND = (
    "com.au net.au org.au co.at com.bd co.bd com.br net.br co.nz com.ng com.pk co.in com.in co.il co.jp co.za co.kr "
    "com.es com.lk co.th co.tt com.tt com.tr biz.tr com.ua co.uk co.zm com.zm com.cn org.cn net.cn gov.cn"
)
_LONG = tuple(tuple(f".{name}" for name in names.split()) for names in (_COUNTRIES_1, _COUNTRIES_2, _COMPOUND, "tech"))
_SEQUENCES = tuple(_SHORT.get(code, char) for code, char in enumerate(SEVEN_BIT))
_CODES = {text: (code, 7) for code, text in enumerate(_SEQUENCES) if text != NONE} | {
    text: (table << 7 | index, 14) for table, names in enumerate(_LONG) for index, text in enumerate(names)
}
_ENDING = frozenset("/?#")
"""What ends a host name in a URI (RFC 3986 section 3.2); the tables have them for what comes behind."""

_LONGEST = max(map(len, _CODES))


def read_hostname(reader: Reader) -> str:
    """The host name at the reader. ValueError where the tables have nothing."""
    optimised, length = reader.take(1), reader.take(6)
    if not length:
        raise ValueError("the host name is empty")
    if not optimised:
        return read_code_40(reader, length)
    text = ""
    while length > 0:
        code = reader.take(7)
        if code < len(_LONG):
            index, names = reader.take(7), _LONG[code]
            length -= 2
            text += names[index] if index < len(names) else NONE
        else:
            length -= 1
            text += _SEQUENCES[code]
    if length < 0 or NONE in text or len(text) > MAX:
        raise ValueError("the host name holds a reserved sequence or is too long")
    if not _ENDING.isdisjoint(text):
        raise ValueError("the host name holds a character that would end it in a link")
    return text


def write_hostname(writer: Writer, host: str) -> None:
    """By URN Code 40 where all is upper case, else by the longest sequences there are."""
    if not 1 <= len(host) <= MAX:
        raise ValueError(f"{host!r} has {len(host)} characters: 1 to {MAX} are allowed")
    if all(char in CODE_40[1:] for char in host):
        writer.put(0, 1)
        writer.put(len(host), 6)
        write_code_40(writer, host)
        return
    codes = list(_sequences(host))
    writer.put(1, 1)
    writer.put(sum(bits for _, bits in codes) // 7, 6)
    for code, bits in codes:
        writer.put(code, bits)


def _sequences(host: str) -> list[tuple[int, int]]:
    codes, at = [], 0
    while at < len(host):
        sizes = range(min(_LONGEST, len(host) - at), 0, -1)
        size = next((size for size in sizes if host[at : at + size] in _CODES), 0)
        if not size:
            raise ValueError(f"{host[at]!r} cannot stand in a host name")
        codes.append(_CODES[host[at : at + size]])
        at += size
    return codes
