"""The forms (单据) that stand in our fake account set, as far as they are documented.

Marks on a key: `>X` refers to a document of form X by its number, `#` decimal, `@` date. Unknown keys of a model
are ignored by Save, as Kingdee does; a query for one is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Field(NamedTuple):
    """`entity` is "" for the head. `kind`: "", "#" or "@". `refers`: form id or ""."""

    name: str
    entity: str
    kind: str
    refers: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form: `key` internal id, `number` public number, `noun` its name in the effect ledger."""

    id: str
    key: str
    number: str
    prefix: str
    noun: str
    required: tuple[str, ...]
    fields: Mapping[str, Field]
    entities: tuple[str, ...] = ()
    subheads: tuple[str, ...] = field(default=())

    def look_up(self, name: str) -> Field | None:
        """A field by its key; the case does not matter here."""
        return self.fields.get(name.upper())


def _form(
    ident: str, key: str, number: str, prefix: str, noun: str, required: str, head: str, **entities: str
) -> tuple[str, Form]:
    fields = {f.name.upper(): f for entity, text in {"": head, **entities}.items() for f in _fields(entity, text)}
    subheads = tuple(name for name in ("FsubHeadSuppiler", "FsubHeadFinc") if ident == "AR_receivable")
    return ident.upper(), Form(
        ident, key, number, prefix, noun, tuple(required.split()), fields, tuple(entities), subheads
    )


def _fields(entity: str, text: str) -> list[Field]:
    made = []
    for word in text.split():
        name, _, refers = word.partition(">")
        kind = name[-1] if name[-1] in "#@" else ""
        made.append(Field(name.rstrip("#@"), entity, kind, refers))
    return made


_BASE_DATA = "FName FForbidStatus FDescription"

FORMS: dict[str, Form] = dict(
    (
        _form("ORG_Organizations", "FORGID", "FNumber", "", "organisation", "FName", _BASE_DATA),
        _form("BOS_BillType", "FBILLTYPEID", "FNumber", "", "bill_type", "FName", _BASE_DATA),
        _form("BD_Currency", "FCURRENCYID", "FNumber", "", "currency", "FName", f"{_BASE_DATA} FCODE"),
        _form("BD_RateType", "FRATETYPEID", "FNumber", "", "rate_type", "FName", _BASE_DATA),
        _form(
            "BD_MATERIAL",
            "FMATERIALID",
            "FNumber",
            "WL",
            "material",
            "FName",
            f"{_BASE_DATA} FSpecification FCreateOrgId>ORG_Organizations FUseOrgId>ORG_Organizations",
        ),
        _form(
            "BD_Customer",
            "FCUSTID",
            "FNumber",
            "CUST",
            "customer",
            "FName FCreateOrgId FUseOrgId",
            f"{_BASE_DATA} FCreateOrgId>ORG_Organizations FUseOrgId>ORG_Organizations FShortName FSOCIALCRECODE"
            " FTAXREGISTERCODE FTRADINGCURRID>BD_Currency FADDRESS FTEL FZIP FWEBSITE FCOUNTRY FPROVINCIAL",
        ),
        _form(
            "AR_receivable",
            "FID",
            "FBillNo",
            "AR",
            "receivable",
            "FBillTypeID FDATE FCUSTOMERID FCURRENCYID FSETTLEORGID FEntityDetail",
            "FBillTypeID>BOS_BillType FDATE@ FENDDATE_H@ FISINIT FCUSTOMERID>BD_Customer FCURRENCYID>BD_Currency"
            " FISPRICEEXCLUDETAX FISTAX FBUSINESSTYPE FSETTLEORGID>ORG_Organizations FPAYORGID>ORG_Organizations"
            " FSALEORGID>ORG_Organizations FSetAccountType FCancelStatus FAR_Remark FACCNTTIMEJUDGETIME@"
            " FMAINBOOKSTDCURRID>BD_Currency FEXCHANGETYPE>BD_RateType FExchangeRate# FTaxAmountFor# FNoTaxAmountFor#",
            FEntityDetail="FMATERIALID>BD_MATERIAL FMaterialDesc FPriceQty# FTaxPrice# FPrice# FEntryTaxRate#"
            " FNoTaxAmountFor_D# FTAXAMOUNTFOR_D# FALLAMOUNTFOR_D# FSOURCETYPE FSourceBillNo FORDERNUMBER",
            FEntityPlan="FENDDATE@ FPAYRATE# FPAYAMOUNTFOR#",
        ),
        _form(
            "AR_RECEIVEBILL",
            "FID",
            "FBillNo",
            "SKD",
            "receipt",
            "FBillTypeID FDATE FCONTACTUNIT FCURRENCYID FRECEIVEBILLENTRY",
            "FBillTypeID>BOS_BillType FDATE@ FCONTACTUNITTYPE FCONTACTUNIT>BD_Customer FPAYUNITTYPE"
            " FPAYUNIT>BD_Customer FCURRENCYID>BD_Currency FSETTLECUR>BD_Currency FEXCHANGERATE# FSETTLERATE#"
            " FPAYORGID>ORG_Organizations FSETTLEORGID>ORG_Organizations FSALEORGID>ORG_Organizations FBUSINESSTYPE"
            " FCancelStatus FREMARK FTHIRDBILLNO",
            FRECEIVEBILLENTRY="FSETTLETYPEID FPURPOSEID FRECTOTALAMOUNTFOR# FRECAMOUNTFOR_E# FSETTLERECAMOUNTFOR#"
            " FACCOUNTID FCOMMENT FPOSTDATE@",
            FRECEIVEBILLSRCENTRY="FSRCBILLTYPEID FSRCBILLNO FREALRECAMOUNT#",
        ),
    )
)
"""By id in upper case: clients disagree about the case of form ids."""
