"""A mapping meets a file's header: which column is where, and for a file without a mapping, which field each name means."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from datetime import date, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any

from dibs.engine.policy_reading import did_you_mean
from dibs.intake.cleaning import ANSWERS, FIELDS, TEXTS, yes_or_no
from dibs.intake.mapping import Column, Mapping, MappingFile
from dibs.intake.moments import in_zone, read_moment
from dibs.intake.numbers import read_number

# What the fields are called in lists that people send around, folded (see `_fold`).
_ALIASES = {
    "external_id": "id leadid recordid contactid externalid",
    "received_at": "createdat created createddate createtime datecreated submittedat timestamp date fecha 日付 受付日 受付日時 登録日 tanggal receivedat registeredat registrationdate signupdate submissiondate datesubmitted leaddate enquirydate fechaderegistro fechadecreacion fechadealta fechadecontacto fechadesolicitud 問い合わせ日 お問い合わせ日 問い合わせ日時 お問い合わせ日時 申込日 申込日時 作成日 登録日時 送信日時 tanggaldaftar tanggalmasuk tanggaldibuat tanggalpendaftaran waktu",
    "name": "fullname contactname contact nombre nombrecompleto nome 氏名 名前 お名前 担当者 担当者名 nama namalengkap attendee attendeename personname nombreyapellido nombreyapellidos nombresyapellidos ご氏名 ご担当者名 氏名漢字 namapeserta",
    "title": "jobtitle position role cargo puesto 役職 肩書 肩書き jabatan role jobrole designation departmentandtitle puestodetrabajo posisi jobtitel",
    "email": "emailaddress mail workemail businessemail correo correoelectronico メール メールアドレス surel alamatemail emailid contactemail primaryemail corporateemail correoelectronicodetrabajo direcciondecorreo eメール mailaddress emailkantor",
    "phone": "phonenumber telephone tel mobile mobilephone cell telefono telefone movil celular 電話 電話番号 携帯電話 telepon nomortelepon nohp mobilenumber cellphone cellphonenumber workphone contactnumber phoneno telefonomovil telefonocelular numerodetelefono whatsapp 携帯 携帯番号 tel番号 telno nomorhp nomorhandphone notelepon notelp nowa",
    "company": "companyname organization organisation account accountname empresa compania 会社 会社名 企業名 法人名 perusahaan namaperusahaan businessname employer nombredelaempresa razonsocial 貴社名 御社名 勤務先 namaperusahaan instansi",
    "domain": "website web url companywebsite companydomain sitioweb ウェブサイト ホームページ situsweb",
    "industry": "sector industria 業種 業界 industri rubro businesstype",
    "employees": "employeecount numberofemployees companysize headcount empleados numerodeempleados 従業員数 社員数 karyawan jumlahkaryawan employeesno companysizeemployees noofemployees ofemployees nodeempleados ndeempleados numempleados 従業員規模 jumlahpegawai jumlahkaryawanperusahaan",
    "country": "countrycode pais país 国 国名 negara countryregion paisdeorigen",
    "region": "state province prefecture estado provincia 都道府県 provinsi",
    "city": "town ciudad cidade 市区町村 市町村 kota",
    "postal_code": "postalcode zip zipcode postcode codigopostal cep 郵便番号 kodepos",
    "language": "lang locale preferredlanguage idioma 言語 bahasa",
    "product": "productinterest producto 製品 商品 produk",
    "use_case": "usecase casodeuso 用途 利用目的",
    "deal_value": "dealvalue amount value dealsize budget presupuesto importe monto valor 金額 予算 nilai estimatedvalue expectedrevenue opportunityamount importeestimado presupuestoestimado 想定金額 見込み金額 nilaiestimasi anggaran",
    "currency": "currencycode moneda moeda 通貨 matauang",
    "campaign": "campaignname campaigncode campaignid utmcampaign campana キャンペーン kampanye",
    "message": "comments comment notes note inquiry description mensaje comentarios メッセージ 備考 お問い合わせ内容 pesan catatan remarks question questions observaciones comentario consulta お問い合わせ 問い合わせ内容 ご質問 keterangan pertanyaan",
    "consent": "optin marketingconsent gdprconsent consentimiento 同意 persetujuan marketingoptin emailoptin optedin consentgiven aceptapublicidad aceptacomunicaciones メール配信同意 同意する setuju",
}
_GIVEN = ("firstname", "givenname", "forename", "nombres", "namadepan", "名")
_FAMILY = ("lastname", "surname", "familyname", "apellido", "apellidos", "namabelakang", "姓", "苗字")


class Fitted:
    """A mapping with every column's place known: gives the lead fields that a row of values says."""

    def __init__(self, file: MappingFile, header: Sequence[str], timezone: str) -> None:
        """``timezone`` holds where the mapping names none. Raises `MappingRefused` if a column is not in the header."""
        mapping = file.mapping
        places = _places(file, header)
        self.enrich = mapping.enrich
        self.salt = mapping.digest()
        self._constants = [(target, value) for target, value in mapping.constants.items() if value is not None]
        self._defaults = [(target, value) for target, value in mapping.defaults.items() if value is not None]
        self._plain: list[tuple[int, str]] = []
        self._attributes: list[tuple[int, str]] = []
        self._read: list[tuple[int, tuple[str, ...], Callable[[str], Any]]] = []
        if mapping.external_id:
            self._plain.append((places[mapping.external_id], "external_id"))
        for name, column in mapping.columns.items():
            self._add(places[name], column, mapping, mapping.timezone or timezone)
        if mapping.rest == "attributes":
            named = set(places.values())
            self._attributes += [(at, name[:100]) for at, name in enumerate(header) if at not in named]

    def _add(self, at: int, column: Column, mapping: Mapping, timezone: str) -> None:
        dates = column.dates or mapping.dates
        plain = column.kind == "text" and not column.values and column.default is None and not column.timezone
        for target in column.to:
            own = target.removeprefix("attributes.") if target.startswith("attributes.") else None
            if plain and own is not None:
                self._attributes.append((at, own))
            elif plain and not (target == "received_at" and dates):
                self._plain.append((at, target))
            else:
                zone = column.timezone or timezone
                self._read.append((at, (target,), _reader(column, target, dates, zone, mapping.decimal)))

    def fields(self, values: Sequence[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The lead fields in a row, as `cleaning.clean` takes them, and flags for attributes that could not be read."""
        fields: dict[str, Any] = {}
        attributes: dict[str, Any] = {}
        flags: tuple[str, ...] = ()
        for at, target in self._plain:
            value = values[at]
            if type(value) is not str:
                value = _of_cell(target, value)
            if value or value is False or value == 0:
                fields[target] = f"{fields[target]} {value}" if target in fields else value
        for at, target in self._attributes:
            value = values[at]
            if type(value) is str:
                value = value.strip()
            if value or value is False or value == 0:
                attributes[target] = value
        for at, (target,), read in self._read:
            text = values[at].strip() if type(values[at]) is str else values[at]
            said = read(text)
            if said is Unread:
                flags, said = ("attribute_invalid",), text
            if said is None or said == "":
                continue
            if target.startswith("attributes."):
                attributes[target[11:]] = said
            else:
                fields[target] = f"{fields[target]} {said}" if target in fields else said
        for target, constant in self._constants:
            _put(fields, attributes, target, constant)
        for target, default in self._defaults:
            kept = attributes if target.startswith("attributes.") else fields
            if not str(kept.get(target.removeprefix("attributes."), "")).strip():
                _put(fields, attributes, target, default)
        if attributes:
            fields["attributes"] = attributes
        return fields, flags


class Unread:
    """Stands for a value that is there and cannot be read the way its column says."""


def _put(fields: dict[str, Any], attributes: dict[str, Any], target: str, value: Any) -> None:
    if target.startswith("attributes."):
        attributes[target[11:]] = value
    else:
        fields[target] = value


def _reader(
    column: Column, target: str, dates: tuple[str, ...], timezone: str, decimal: str | None
) -> Callable[[Any], Any]:
    """What reads a column's cells. Those of a workbook that are no text are what they are, as far as the column can be that."""
    values, default, kind = column.values, column.default, column.kind
    if target == "received_at":
        kind = "moment"
    own = target.startswith("attributes.")

    def read(text: Any) -> Any:
        if type(text) is not str:
            return typed(text)
        if text in values:
            return values[text]
        if not text:
            return default
        if kind == "text":
            return text
        if kind == "yes_no":
            said = yes_or_no(text)
            return Unread if said is None else said
        if kind == "moment":
            moment = read_moment(text, timezone, dates)
            if moment is None:
                return Unread if own else text
            return moment.isoformat() if own else moment
        number = read_number(text, decimal)
        if number is None or (kind == "whole" and number.value % 1):
            return Unread
        return int(number.value) if not number.value % 1 and kind == "whole" else float(number.value)

    def typed(value: Any) -> Any:
        text = str(storable(value))
        if text in values:
            return values[text]
        if kind == "moment":
            value = _of_cell("received_at", value)
        if kind == "text" or (kind == "yes_no" and isinstance(value, bool)):
            return value
        if kind == "moment" and isinstance(value, date):
            naive = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001
            moment = in_zone(naive, timezone)
            if moment is None:
                return Unread if own else text
            return moment.isoformat() if own else moment
        if kind == "number" and isinstance(value, int | float):
            return float(value)
        if kind == "whole" and isinstance(value, int):
            return int(value)
        return read(text)

    return read


#: The days that a workbook's plain number can be where a date stands, 1954 to 2119, counted as workbooks count.
_FIRST_DAY, _DAYS = datetime(1899, 12, 30), range(20_000, 80_000)  # noqa: DTZ001 (the zone is the column's)


def _of_cell(target: str, value: Any) -> Any:
    """A cell that is no text, where its field wants a text or a moment: a date that was formatted as a number is one."""
    if target == "received_at" and isinstance(value, int | float) and not isinstance(value, bool):
        if int(value) not in _DAYS:
            return str(value)
        return (_FIRST_DAY + timedelta(days=value)).replace(microsecond=0)
    if isinstance(value, bool) and target in TEXTS:
        return "TRUE" if value else "FALSE"
    return storable(value) if target in TEXTS else value


def storable(value: Any) -> Any:
    """A cell as JSON has it: moments as text."""
    return value.isoformat() if isinstance(value, date) else value


def _places(file: MappingFile, header: Sequence[str]) -> dict[str, int]:
    """Each mapped column's index in the header: by its exact name, else by its name but for case and spaces."""
    mapping = file.mapping
    exact = {name: at for at, name in enumerate(header)}
    folded = {_fold(name): at for at, name in reversed(list(enumerate(header)))}
    places: dict[str, int] = {}
    missing: list[tuple[str, str, tuple[str | int, ...]]] = []
    wanted: list[tuple[str, tuple[str | int, ...]]] = [(name, ("columns", name)) for name in mapping.columns]
    if mapping.external_id:
        wanted.append((mapping.external_id, ("external_id",)))
    for name, path in wanted:
        at = exact.get(name, folded.get(_fold(name)))
        if at is None:
            hint = did_you_mean(name, header) or f"; its first row is {_shown(header)}"
            missing.append(("column_missing", f"the file has no column {name!r}{hint}", path))
        else:
            places[name] = at
    if missing and not places:
        code, message, path = missing[0]
        missing[0] = (code, f"{message}. If that is data, the header is missing", path)
    if missing:
        raise file.refused(*missing)
    return places


@cache
def _meanings() -> dict[str, str]:
    """The field that each name means, folded."""
    means = {_fold(field): field for field in FIELDS - {"attributes"}}
    for field, names in _ALIASES.items():
        means |= dict.fromkeys(map(_fold, names.split()), field)
    return means


def field_called(name: str) -> str | None:
    """The field of a lead that a column of this name fills, as far as the name says."""
    folded = _fold(name)
    return "name" if folded in {*_GIVEN, *_FAMILY} else _meanings().get(folded)


def guess_mapping(header: Sequence[str], asked: Map[str, Sequence[str]] = MappingProxyType({})) -> MappingFile:
    """The mapping for a file that comes without one: columns that are called like a lead's fields, or nearly, fill them, and those called
    like a standard question answer it (``asked``: what each is called); the others become attributes. `MappingRefused` if none is."""
    columns: dict[str, str] = {}
    folded = {name: _fold(name) for name in header}
    # A column with the field's very name goes before one that has an alias.
    questions = {_fold(words): f"{ANSWERS}{question}" for question, called in asked.items() for words in called}
    own = {_fold(field) for field in FIELDS}
    for name in sorted(header, key=lambda name: (folded[name] not in own, folded[name] not in questions)):
        meant = (None if folded[name] in own else questions.get(folded[name])) or _meanings().get(folded[name])
        if meant and meant not in columns.values():
            columns[name] = meant
    if "name" not in columns.values():
        given = next((name for name in header if folded[name] in _GIVEN), None)
        family = next((name for name in header if folded[name] in _FAMILY), None)
        first, last = (family, given) if family and not family.isascii() else (given, family)
        columns |= {name: "name" for name in (first, last) if name}
    if not columns:
        file = MappingFile(Mapping(rest="attributes"))
        message = (
            f"No column is called like a field of a lead; the first row is {_shown(header)}. If that is data, the header is "
            "missing: add one. Else write a mapping and name it with --map."
        )
        raise file.refused(("header_missing", message, ()))
    made = {name: {"to": (field,)} for name, field in columns.items()}
    return MappingFile(Mapping.model_validate({"columns": made, "rest": "attributes"}))


def _shown(header: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in header[:12])
    return f"{shown}, …" if len(header) > 12 else shown


def _fold(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())
