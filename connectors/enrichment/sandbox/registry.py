"""The companies both fake registries know. All are invented; the codes have right check characters."""

import unicodedata
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Entry:
    """A company, or what stands next to companies in a search. `kind` is Tianyancha's companyType.

    `ent_type` is Qichacha's EntType; `established` an ISO date or None; `base` a province's abbreviation.
    """

    id: int
    name: str
    code: str | None
    legal: str | None
    capital: str | None
    established: str | None
    status: str = "存续"
    address: str = ""
    industry: str = "通用设备制造业"
    base: str = "js"
    currency: str | None = "人民币"
    former: tuple[str, ...] = ()
    kind: int = 1
    ent_type: str = "0"
    form: int | None = None
    number: str | None = None
    person: bool = False

    @property
    def key_no(self) -> str:
        """Qichacha's key: 32 hex digits."""
        return blake2b(str(self.id).encode(), digest_size=16).hexdigest()


ENTRIES = (
    Entry(
        *(2343000001, "苏州恒锐精密机械有限公司", "91320594MA1ABCDE2C", "陈国栋", "1000万人民币", "2016-05-12"),
        address="苏州工业园区金鸡湖大道88号",
        number="320594000123456",
    ),
    Entry(
        *(2343000002, "苏州恒锐精密机械有限公司工会委员会", None, "周敏", "-", None),
        kind=3,
        ent_type="1",
        industry="",
        currency=None,
    ),
    Entry(*(2343000003, "陈恒锐", None, None, None, None), person=True, base="js"),
    Entry(
        *(2343000004, "杭州旧影传媒有限公司", "91330100MA1HR00039", "林一鸣", "50万人民币", "1988-07-01"),
        status="吊销，未注销",
        base="zj",
        industry="广播、电视、电影和录音制作业",
    ),
    Entry(
        *(2343000005, "上海启程数控科技有限公司", "91310115MA1HR0004U", "吴越", "1.2亿元人民币", "2009-03-02"),
        base="sh",
        former=("上海启程机床有限公司", "上海启程机械厂"),
    ),
    Entry(
        *(2343000006, "深圳海拓精密（中国）有限公司", "91440300MA1HR0005L", "HANS MEYER", "500万美元", "2011-11-11"),
        base="gd",
        currency="美元",
    ),
    Entry(
        *(2343000007, "苏州工业园区老陈五金店", "92320505MA1HR00068", "陈建国", None, "2019-09-09"),
        form=1,
        currency=None,
        industry="零售业",
    ),
    Entry(
        *(2343000008, "华信机电设备有限公司", "91330200MA1HR0008X", "何宁", "2,000万元", "2001-01-01"),
        base="zj",
        address="宁波市鄞州区",
    ),
    Entry(
        *(2343000009, "华信机电设备有限公司", "91370200MA1HR0009H", "于青", "300万元", "2003-03-03"),
        base="sd",
        address="青岛市市北区",
    ),
    Entry(
        *(2343000010, "恒銳國際有限公司", None, None, None, "2014-08-20"),
        status="仍注册",
        base="hk",
        currency=None,
        kind=2,
        ent_type="3",
        number="62345678",
        industry="",
    ),
    Entry(
        *(2343000011, "苏州无期贸易有限公司", "91320594MA1HR0010N", "-", "-", None),
        currency=None,
        industry="",
    ),
)


def folded(text: str) -> str:
    """How both registries compare names: width and blanks do not matter."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def search(word: str) -> list[Entry]:
    """Entries whose name, former name, code or number has the word in it, the exact ones first."""
    asked = folded(word)

    def hit(entry: Entry) -> bool:
        names = (entry.name, *entry.former)
        return any(asked in folded(name) for name in names) or asked in (entry.code, entry.number)

    return sorted((entry for entry in ENTRIES if hit(entry)), key=lambda entry: folded(entry.name) != asked)


def find(keyword: str) -> Entry | None:
    """The entry of an id, a key, a code, a number, or an exact name."""
    asked = folded(keyword)
    for entry in ENTRIES:
        ids = (str(entry.id), entry.key_no, entry.code, entry.number, folded(entry.name))
        if asked in ids and not entry.person:
            return entry
    return None
