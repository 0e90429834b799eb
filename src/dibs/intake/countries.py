"""Countries by code or by name, in any language that the phone library's place names come in."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

# ISO 3166-1 alpha-3, each followed by its alpha-2.
_ALPHA_3 = """
ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ BDIBI
BELBE BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT
BVTBV BWABW CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU
CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET
FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR
GRDGD GRLGL GTMGT GUFGF GUMGU GUYGY HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR
IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB
LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH
MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA NCLNC NERNE
NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL
PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ
SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC
TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV TWNTW TZATZ UGAUG UKRUA UMIUM URYUY
USAUS UZBUZ VATVA VCTVC VENVE VGBVG VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW"""

# Names in daily use that the name table lacks, folded.
_MORE_NAMES = {
    "america": "US",
    "unitedstatesofamerica": "US",
    "usofa": "US",
    "eeuu": "US",
    "eua": "US",
    "amerika": "US",
    "米国": "US",
    "アメリカ": "US",
    "greatbritain": "GB",
    "britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northernireland": "GB",
    "英国": "GB",
    "inggris": "GB",
    "holland": "NL",
    "czechia": "CZ",
    "russianfederation": "RU",
    "korea": "KR",
    "republicofkorea": "KR",
    "韓国": "KR",
    "koreaselatan": "KR",
    "中国": "CN",
    "中國": "CN",
    "prchina": "CN",
    "peoplesrepublicofchina": "CN",
    "tiongkok": "CN",
    "台湾": "TW",
    "台灣": "TW",
    "hongkongsar": "HK",
    "macau": "MO",
    "turkiye": "TR",
    "uae": "AE",
    "vietnam": "VN",
    "viet nam": "VN",
    "ivorycoast": "CI",
    "capeverde": "CV",
    "caboverde": "CV",
    "eswatini": "SZ",
    "swaziland": "SZ",
    "northmacedonia": "MK",
    "burma": "MM",
    "bruneidarussalam": "BN",
    "syrianarabrepublic": "SY",
    "slovakrepublic": "SK",
    "iranislamicrepublicof": "IR",
    "drcongo": "CD",
    "palestine": "PS",
    "vatican": "VA",
    "日本国": "JP",
    "nippon": "JP",
    "brasil": "BR",
    "méjico": "MX",
}


@lru_cache(maxsize=16384)
def country_code(text: str) -> str | None:
    """ISO 3166-1 alpha-2 of a code (``jp``, ``JPN``) or a name (``Japan``, ``日本``, ``Japón``); ``None`` if it is neither."""
    text = unicodedata.normalize("NFKC", text).strip()
    if len(text) == 2 and text.isascii():
        code = {"UK": "GB", "EL": "GR"}.get(text.upper(), text.upper())
        return code if code in _codes() else None
    dotless = text.replace(".", "").upper()
    if dotless in ("US", "UK"):
        return "US" if dotless == "US" else "GB"
    if len(dotless) == 3 and dotless in _alpha_3():
        return _alpha_3()[dotless]
    folded = _fold(text)
    return _names().get(folded) or _names().get(folded.removeprefix("the"))


def _fold(text: str) -> str:
    """Case, accents, spaces and punctuation taken away."""
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())


@cache
def _alpha_3() -> dict[str, str]:
    return {pair[:3]: pair[3:] for pair in _ALPHA_3.split()}


@cache
def _codes() -> frozenset[str]:
    return frozenset(_alpha_3().values())


@cache
def _names() -> dict[str, str]:
    from phonenumbers.geodata.locale import LOCALE_DATA  # A quarter of a second; only for files that spell names out.

    names = {
        _fold(name): code
        for code, by_language in LOCALE_DATA.items()
        if code in _codes()
        for name in by_language.values()
        if not name.startswith("*")
    }
    names.pop("", None)
    return names | {_fold(name): code for name, code in _MORE_NAMES.items()}
